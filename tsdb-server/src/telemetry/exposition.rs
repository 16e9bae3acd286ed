//! Prometheus' text format.

use std::fmt::Write;

use super::families::{Family, FamilyKind};

/// A page of metrics in the making.
#[derive(Debug, Default)]
pub(crate) struct Exposition {
    text: String,
    /// The family that samples belong to.
    family: Option<&'static Family>,
}

impl Exposition {
    /// An empty page.
    #[must_use]
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Starts a family; the samples that follow belong to it.
    pub(crate) fn family(&mut self, family: &'static Family) -> &mut Self {
        let kind = match family.kind {
            FamilyKind::Counter => "counter",
            FamilyKind::Gauge => "gauge",
            FamilyKind::Histogram => "histogram",
        };
        let name = family.name;
        let help = family.help.replace('\\', "\\\\").replace('\n', "\\n");
        self.write(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
        self.family = Some(family);
        self
    }

    /// A family of one sample without labels.
    pub(crate) fn single(&mut self, family: &'static Family, value: f64) -> &mut Self {
        self.family(family).sample(&[], value)
    }

    /// One sample of the family.
    pub(crate) fn sample(&mut self, labels: &[(&str, &str)], value: f64) -> &mut Self {
        self.line("", labels, value)
    }

    /// One histogram of the family: cumulative `buckets` (upper bound, count), their sum and count.
    pub(crate) fn histogram(
        &mut self,
        labels: &[(&str, &str)],
        buckets: &[(f64, u64)],
        sum: f64,
        count: u64,
    ) -> &mut Self {
        let with_bound = |bound: &str, text: &mut Self, value: u64| {
            let labels: Vec<(&str, &str)> = labels.iter().copied().chain([("le", bound)]).collect();
            text.line("_bucket", &labels, count_as_value(value));
        };
        for (bound, cumulative) in buckets {
            with_bound(&bound.to_string(), self, *cumulative);
        }
        with_bound("+Inf", self, count);
        self.line("_sum", labels, sum);
        self.line("_count", labels, count_as_value(count))
    }

    /// The page.
    #[must_use]
    pub(crate) fn finish(self) -> String {
        self.text
    }

    fn line(&mut self, suffix: &str, labels: &[(&str, &str)], value: f64) -> &mut Self {
        let Some(family) = self.family else {
            debug_assert!(false, "a sample before its family");
            return self;
        };
        debug_assert!(
            labels
                .iter()
                .map(|(name, _)| name)
                .filter(|name| **name != "le")
                .eq(family.labels),
            "{} is registered with other labels than {labels:?}",
            family.name
        );
        self.write(format_args!("{}{suffix}", family.name));
        for (index, (name, value)) in labels.iter().enumerate() {
            let opening = if index == 0 { '{' } else { ',' };
            let value = value
                .replace('\\', "\\\\")
                .replace('"', "\\\"")
                .replace('\n', "\\n");
            self.write(format_args!("{opening}{name}=\"{value}\""));
        }
        let closing = if labels.is_empty() { "" } else { "}" };
        if value.is_nan() {
            self.write(format_args!("{closing} NaN\n"));
        } else if value.is_infinite() {
            let sign = if value > 0.0 { '+' } else { '-' };
            self.write(format_args!("{closing} {sign}Inf\n"));
        } else {
            self.write(format_args!("{closing} {value}\n"));
        }
        self
    }

    fn write(&mut self, text: std::fmt::Arguments<'_>) {
        let written = self.text.write_fmt(text);
        debug_assert!(written.is_ok(), "writing to a String failed");
    }
}

/// A count as the float the format has for every number.
#[expect(clippy::cast_precision_loss, reason = "the format knows floats only")]
#[must_use]
pub(crate) fn count_as_value(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn of(
        name: &'static str,
        kind: FamilyKind,
        help: &'static str,
        labels: &'static [&'static str],
    ) -> Family {
        Family {
            name,
            kind,
            help,
            labels,
        }
    }

    #[test]
    #[should_panic(expected = "b is registered with other labels")]
    fn a_label_that_is_not_registered_is_noticed() {
        const B: Family = of("b", FamilyKind::Gauge, "B.", &["x"]);
        Exposition::new().family(&B).sample(&[("y", "1")], 0.0);
    }

    #[test]
    fn a_page_looks_like_this() {
        const A: Family = of("a_total", FamilyKind::Counter, "Things\nand \\ more.", &[]);
        const B: Family = of("b", FamilyKind::Gauge, "B.", &["x", "y"]);
        const C: Family = of("c_seconds", FamilyKind::Histogram, "C.", &["r"]);
        const D: Family = of("d", FamilyKind::Gauge, "D.", &[]);
        let mut page = Exposition::new();
        page.single(&A, 3.0);
        page.family(&B)
            .sample(&[("x", "q\"\\\n"), ("y", "")], f64::NEG_INFINITY)
            .sample(&[("x", "1"), ("y", "2")], 0.25);
        page.family(&C)
            .histogram(&[("r", "/")], &[(0.5, 1), (2.0, 3)], 4.5, 4);
        page.single(&D, f64::NAN);
        let expected = r#"# HELP a_total Things\nand \\ more.
# TYPE a_total counter
a_total 3
# HELP b B.
# TYPE b gauge
b{x="q\"\\\n",y=""} -Inf
b{x="1",y="2"} 0.25
# HELP c_seconds C.
# TYPE c_seconds histogram
c_seconds_bucket{r="/",le="0.5"} 1
c_seconds_bucket{r="/",le="2"} 3
c_seconds_bucket{r="/",le="+Inf"} 4
c_seconds_sum{r="/"} 4.5
c_seconds_count{r="/"} 4
# HELP d D.
# TYPE d gauge
d NaN
"#;
        assert_eq!(page.finish(), expected);
    }
}
