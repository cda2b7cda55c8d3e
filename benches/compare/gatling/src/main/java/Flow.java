import static io.gatling.javaapi.core.CoreDsl.*;
import static io.gatling.javaapi.http.HttpDsl.*;

import io.gatling.javaapi.core.ScenarioBuilder;
import io.gatling.javaapi.core.Simulation;
import java.util.Map;
import java.util.stream.IntStream;

/**
 * The flow of benches/compare/run for Gatling: log in, enter, connect with the ticket, await CONNECTED, then a PING
 * every PING_S seconds, each awaiting its PONG.
 */
public class Flow extends Simulation {
  private static final int SESSIONS = number("SESSIONS");
  private static final int PING_S = number("PING_S");

  private static int number(String name) {
    return Integer.parseInt(System.getenv(name));
  }

  private final ScenarioBuilder session =
      scenario("session")
          .feed(IntStream.rangeClosed(1, SESSIONS).mapToObj(k -> Map.<String, Object>of("member", k)).iterator())
          .exec(
              http("login")
                  .post("/api/v1/auth/test-login?memberId=#{member}")
                  .check(jsonPath("$.data.accessToken").saveAs("token")),
              http("enter")
                  .post("/api/v1/challenges/1/enter")
                  .header("Authorization", "Bearer #{token}")
                  .check(jsonPath("$.data.wsUrl").saveAs("url"), jsonPath("$.data.ticket").saveAs("ticket")))
          // A session that got no ticket has no socket to open.
          .exitHereIfFailed()
          .exec(
              ws("connect")
                  .connect("#{url}?ticket=#{ticket}")
                  .await(10)
                  .on(ws.checkTextMessage("CONNECTED").matching(jsonPath("$.type").is("CONNECTED"))))
          .exitHereIfFailed()
          .repeat(number("HOLD_S") / PING_S)
          .on(
              pause(PING_S),
              ws("PING")
                  .sendText(session -> "{\"type\":\"PING\",\"timestamp\":" + System.currentTimeMillis() + "}")
                  .await(5)
                  .on(ws.checkTextMessage("PONG").matching(jsonPath("$.type").is("PONG"))))
          .exec(ws("close").close());

  {
    setUp(session.injectOpen(rampUsers(SESSIONS).during(number("RAMP_S"))))
        .protocols(http.baseUrl(System.getenv("TARGET")));
  }
}
