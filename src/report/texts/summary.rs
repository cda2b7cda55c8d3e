//! The texts of the printed summary.
//!
//! Knows no figures.

use crate::lang::texts;

texts! {
    /// Parts of the printed summary.
    pub enum Summary {
        Pass => "PASS", "합격";
        Fail => "FAIL", "불합격";
        Inconclusive => "INCONCLUSIVE", "판정 불가";
    }
}
