//! What needs no program, no process and no socket: the library's parsers, session machine,
//! scenarios and reports, and the rules of the house.

#[path = "../checks/mod.rs"]
mod checks;
#[path = "../common/frames.rs"]
mod frames;

mod compare;
mod compressed;
mod conversation;
mod documents;
mod driven;
mod house_rules;
mod imports;
mod input_properties;
mod kinds;
mod live;
mod own_kinds;
mod packaged;
mod patterns;
mod protocol_properties;
mod reconnecting;
mod recordings;
mod report;
mod scale;
mod scenario_errors;
mod scenario_replies;
mod scenario_schema;
mod simulated;
mod simulation;
mod tls_properties;
mod values;
