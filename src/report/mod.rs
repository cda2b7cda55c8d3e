//! One `RunResult` and everything that is made from it: verdict, text, JSON, CSV, histogram log.
