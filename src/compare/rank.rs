//! Mann and Whitney's rank test (Wilcoxon's rank sum test), exact for any number of values.
//!
//! Counts all ways in which the ranks can fall on the two sides, ties as they are, so that there is no
//! approximation that few runs would not bear. Knows no measure. Invariant: p is that of both sides.

/// Returns the probability that ranks fall at least as far apart as they did, if both sides were the
/// same; `None` without a value on either side.
pub fn p_value(base: &[f64], new: &[f64]) -> Option<f64> {
    if base.is_empty() || new.is_empty() {
        return None;
    }
    let ranks = twice_ranks(&[base, new].concat());
    let observed: usize = ranks[..base.len()].iter().sum();
    let ways = ways_by_sum(&ranks, base.len());
    // Twice the mean of the sum, in the ranks' own doubled unit.
    let mean_twice = base.len() * 2 * (ranks.len() + 1);
    let distance = |sum: usize| (2 * sum).abs_diff(mean_twice);
    let all: f64 = ways.iter().sum();
    let far: f64 =
        (0..).zip(&ways).filter(|(sum, _)| distance(*sum) >= distance(observed)).map(|(_, n)| n).sum();
    Some(far / all)
}

/// Returns the smallest p that this many values a side can have: when they do not overlap.
pub fn p_min(base: usize, new: usize) -> f64 {
    let all = (1..=base).fold(1.0, |ways, k| ways * (new + k) as f64 / k as f64);
    (2.0 / all).min(1.0)
}

/// Twice the rank of each value, which is a whole number for ties too.
fn twice_ranks(values: &[f64]) -> Vec<usize> {
    let count = |holds: &dyn Fn(&f64) -> bool| values.iter().filter(|value| holds(value)).count();
    values.iter().map(|own| count(&|it| it < own) + count(&|it| it <= own) + 1).collect()
}

/// In how many ways `taken` of the ranks can be chosen, by their sum.
fn ways_by_sum(ranks: &[usize], taken: usize) -> Vec<f64> {
    let sum_max: usize = ranks.iter().sum();
    let mut ways = vec![vec![0.0; sum_max + 1]; taken + 1];
    ways[0][0] = 1.0;
    for &rank in ranks {
        for k in (0..taken).rev() {
            for sum in 0..=sum_max - rank {
                let before = ways[k][sum];
                ways[k + 1][sum + rank] += before;
            }
        }
    }
    ways.swap_remove(taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// scipy 1.17.1: `scipy.stats.mannwhitneyu(a, b, method='exact').pvalue`; with ties
    /// `method=PermutationMethod(n_resamples=numpy.inf)`, which plays every way.
    #[test]
    fn p_values_are_those_of_scipy() {
        let known: [(&[f64], &[f64], f64); 10] = [
            (&[1.0, 2.0, 3.0], &[4.0, 5.0, 6.0], 0.1),
            (&[1.0, 2.0, 4.0], &[3.0, 5.0, 6.0], 0.2),
            (&[1.0, 2.0, 3.0, 4.0], &[5.0, 6.0, 7.0, 8.0], 0.028_571_428_571_428_57),
            (&[1.0, 3.0, 5.0, 7.0], &[2.0, 4.0, 6.0, 8.0], 0.685_714_285_714_285_7),
            (&[1.1, 2.2, 3.3, 4.4, 5.5], &[3.4, 6.1, 7.2, 8.3, 9.4], 0.031_746_031_746_031_744),
            (&[10.0, 11.0, 12.0], &[1.0, 2.0, 3.0, 4.0, 5.0, 13.0], 0.166_666_666_666_666_66),
            // Ties.
            (&[1.0, 1.0, 2.0], &[2.0, 3.0, 3.0], 0.2),
            (&[0.0, 0.0, 0.0], &[0.0, 0.0, 0.0], 1.0),
            (&[0.0, 0.0, 0.0], &[0.0, 1.0, 2.0], 0.4),
            (&[5.0, 5.0, 6.0, 7.0], &[5.0, 8.0, 9.0, 9.0], 0.171_428_571_428_571_43),
        ];
        for (base, new, p) in known {
            for found in [p_value(base, new), p_value(new, base)] {
                let found = found.expect("values");
                assert!((found - p).abs() < 1e-12, "{base:?} {new:?}: {found} for {p}");
            }
        }
    }

    #[test]
    fn the_smallest_p_is_that_of_sides_apart() {
        let apart = |base: usize, new: usize| {
            let values: Vec<f64> = (0..base + new).map(|k| k as f64).collect();
            p_value(&values[..base], &values[base..]).expect("values")
        };
        for (base, new) in [(1, 1), (3, 3), (3, 5), (5, 3), (7, 7), (12, 9)] {
            assert!((p_min(base, new) - apart(base, new)).abs() < 1e-12, "{base} {new}");
        }
        assert_eq!(p_min(3, 3), 0.1);
        assert_eq!(p_value(&[], &[1.0]), None);
    }

    #[test]
    fn many_runs_a_side_are_no_trouble() {
        let (base, new): (Vec<f64>, Vec<f64>) = (0..25).map(|k| (f64::from(k), f64::from(k) + 0.5)).unzip();
        let p = p_value(&base, &new).expect("values");
        assert!((0.5..=1.0).contains(&p), "{p}");
    }
}
