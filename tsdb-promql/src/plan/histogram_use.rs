//! What of native histograms a selector's consumers look at.

/// What of native histograms is used by all that a selector is part of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct HistogramUse {
    statistics: bool,
    whole: bool,
}

impl HistogramUse {
    /// All of them, whatever else is asked.
    pub(super) fn whole() -> Self {
        Self {
            statistics: false,
            whole: true,
        }
    }

    /// For what is an argument of a function.
    pub(super) fn below(self, function: &str) -> Self {
        match function {
            "histogram_count" | "histogram_sum" | "histogram_avg" => Self {
                statistics: true,
                ..self
            },
            "histogram_quantile" | "histogram_quantiles" | "histogram_fraction" => Self {
                whole: true,
                ..self
            },
            _ => self,
        }
    }

    /// Whether only counts and sums are looked at.
    pub(super) fn is_statistics_only(self) -> bool {
        self.statistics && !self.whole
    }
}
