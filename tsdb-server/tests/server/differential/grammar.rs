//! Expressions by chance, of every form that PromQL of Prometheus 2.42 has.

/// An expression, and those it is made of.
#[derive(Clone, Debug)]
pub(super) struct Expression {
    pub(super) text: String,
    pub(super) parts: Vec<Expression>,
}

/// What selectors find, with the names of their labels.
const METRICS: [(&str, &[&str]); 17] = [
    ("requests_total", &["code", "instance", "job"]),
    ("requests_total", &["code", "instance", "job"]),
    ("build_info", &["instance", "version"]),
    ("temperature", &["instance", "room"]),
    ("temperature", &["instance", "room"]),
    ("odd", &["kind"]),
    ("month_seconds", &["name"]),
    ("latency_seconds_bucket", &["le", "path"]),
    ("node_cpu_seconds_total", &["cpu", "mode", "instance"]),
    ("node_network_receive_bytes_total", &["device", "job"]),
    (
        "net_conntrack_dialer_conn_failed_total",
        &["dialer_name", "reason"],
    ),
    ("go_gc_duration_seconds", &["quantile", "job"]),
    ("go_memstats_alloc_bytes", &["job", "instance"]),
    ("go_goroutines", &["job", "instance"]),
    (
        "prometheus_http_request_duration_seconds_bucket",
        &["le", "handler"],
    ),
    (
        "etcd_disk_wal_fsync_duration_seconds_bucket",
        &["le", "job"],
    ),
    ("nothing_has_this_name", &["job"]),
];

const MATCHERS: [&str; 14] = [
    "job=\"api\"",
    "job!=\"api\"",
    "job=~\"a.*|node\"",
    "job!~\"(db|etcd)?\"",
    "instance=\"a:1\"",
    "instance=~\".+:[0-9]\"",
    "code=~\"4..|500\"",
    "room=\"\"",
    "room!=\"\"",
    "mode!~\"idle|user\"",
    "le=\"+Inf\"",
    "kind=\"finite\"",
    "version=~\"1.?\"",
    "instance=~\"\"",
];

/// Functions of a range of floats.
const OF_RANGE: [&str; 19] = [
    "rate",
    "increase",
    "delta",
    "irate",
    "idelta",
    "changes",
    "resets",
    "deriv",
    "avg_over_time",
    "min_over_time",
    "max_over_time",
    "sum_over_time",
    "count_over_time",
    "last_over_time",
    "present_over_time",
    "absent_over_time",
    "stddev_over_time",
    "stdvar_over_time",
    "rate",
];

/// Functions of a vector alone.
const OF_VECTOR: [&str; 34] = [
    "abs",
    "absent",
    "acos",
    "acosh",
    "asin",
    "asinh",
    "atan",
    "atanh",
    "ceil",
    "cos",
    "cosh",
    "deg",
    "exp",
    "floor",
    "ln",
    "log10",
    "log2",
    "rad",
    "round",
    "sgn",
    "sin",
    "sinh",
    "sort",
    "sort_desc",
    "sqrt",
    "tan",
    "tanh",
    "timestamp",
    "histogram_count",
    "histogram_sum",
    "timestamp",
    "abs",
    "round",
    "ceil",
];

/// Parts of dates, which only times have: what Go makes of other numbers differs between its versions.
const DATES: [&str; 8] = [
    "day_of_month",
    "day_of_week",
    "day_of_year",
    "days_in_month",
    "hour",
    "minute",
    "month",
    "year",
];

/// Ranks of quantiles.
pub(super) const RANKS: [&str; 8] = ["0.5", "0.9", "0", "1", "-1", "2", "NaN", "0.999"];
const AGGREGATIONS: [&str; 9] = [
    "sum", "avg", "min", "max", "count", "group", "stddev", "stdvar", "sum",
];
const ARITHMETIC: [&str; 7] = ["+", "-", "*", "/", "%", "^", "atan2"];
const COMPARISONS: [&str; 6] = ["==", "!=", ">", "<", ">=", "<="];
pub(super) const RANGES: [&str; 8] = ["15s", "1m", "2m", "5m", "7m30s", "10m", "31s", "1h"];
const NUMBERS: [&str; 14] = [
    "0", "1", "2", "-1", "0.5", "1e3", "0x1F", "NaN", "Inf", "-Inf", "3.5e-2", "100", "60", "-0.25",
];
const LABELS: [&str; 10] = [
    "job", "instance", "code", "room", "mode", "le", "kind", "path", "none", "quantile",
];

/// Chance that is the same for the same seed.
#[derive(Debug)]
pub(super) struct Chance(pub(super) u64);

impl Chance {
    pub(super) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ mixed >> 31) % bound as u64) as usize
    }

    pub(super) fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    pub(super) fn is(&mut self, of_hundred: usize) -> bool {
        self.below(100) < of_hundred
    }
}

/// Makes expressions.
#[derive(Debug)]
pub(super) struct Grammar {
    pub(super) chance: Chance,
    /// A time in seconds that `@` may name.
    pub(super) now: f64,
    /// Whether native histograms are among what is asked for.
    pub(super) has_natives: bool,
}

pub(super) fn of(text: String, parts: Vec<Expression>) -> Expression {
    Expression { text, parts }
}

impl Grammar {
    /// Any expression, rarely one that is refused.
    pub(super) fn expression(&mut self) -> Expression {
        if self.has_natives && self.chance.is(50) {
            return self.histograms(3);
        }
        match self.chance.below(40) {
            0 => self.scalar(2),
            1 => self.wrong(),
            _ => self.vector(3),
        }
    }

    fn selector(&mut self) -> String {
        let (name, labels) = self.chance.one_of(&METRICS);
        let mut matchers = Vec::new();
        for _ in 0..self.chance.below(5).saturating_sub(2) {
            let label = self.chance.one_of(labels);
            let fits = |matcher: &&&str| matcher.starts_with(label);
            let fitting = Vec::from_iter(MATCHERS.iter().filter(fits));
            matchers.push(match self.chance.below(10) {
                0 => self.chance.one_of(&MATCHERS).to_owned(),
                1..6 if !fitting.is_empty() => (*self.chance.one_of(&fitting)).to_owned(),
                place => format!("{label}{}", ["=~\".*\"", "!=\"x\"", "=~\".+\""][place % 3]),
            });
        }
        match (self.chance.below(20), matchers.is_empty()) {
            (0, _) => format!(
                "{{__name__=~\"{name}|odd\"{}}}",
                matchers
                    .iter()
                    .map(|one| format!(",{one}"))
                    .collect::<String>()
            ),
            (_, true) => name.to_owned(),
            _ => format!("{name}{{{}}}", matchers.join(",")),
        }
    }

    /// What may stand behind a selector or subquery.
    pub(super) fn moved(&mut self) -> String {
        let at = format!(" @ {:.3}", self.now - self.chance.below(1200) as f64);
        let offset = format!(
            " offset {}",
            self.chance.one_of(&["1m", "-1m", "7m", "15s", "90s", "1h"])
        );
        match self.chance.below(24) {
            0 => at,
            1 => self.chance.one_of(&[" @ start()", " @ end()"]).to_owned(),
            2 | 3 => offset,
            4 => format!("{at}{offset}"),
            _ => String::new(),
        }
    }

    fn leaf(&mut self) -> Expression {
        if self.has_natives && self.chance.is(70) {
            return self.of_histograms(1);
        }
        let text = format!("{}{}", self.selector(), self.moved());
        of(text, Vec::new())
    }

    /// A range: of a selector, or a subquery.
    fn range(&mut self, depth: usize) -> Expression {
        let range = self.chance.one_of(&RANGES);
        if depth > 0 && self.chance.is(25) {
            let inner = self.vector(depth - 1);
            let step = self.chance.one_of(&["", "30s", "1m", "17s"]);
            let text = format!("({})[{range}:{step}]{}", inner.text, self.moved());
            return of(text, vec![inner]);
        }
        of(
            format!("{}[{range}]{}", self.selector(), self.moved()),
            Vec::new(),
        )
    }

    pub(super) fn scalar(&mut self, depth: usize) -> Expression {
        let number = self.chance.one_of(&NUMBERS).to_owned();
        match self.chance.below(12) {
            0 => of("time()".to_owned(), Vec::new()),
            1 => of("pi()".to_owned(), Vec::new()),
            2 | 3 if depth > 0 => {
                let inner = self.vector(depth - 1);
                of(format!("scalar({})", inner.text), vec![inner])
            }
            4 | 5 if depth > 0 => {
                let (left, right) = (self.scalar(depth - 1), self.scalar(depth - 1));
                let op = match self.chance.is(70) {
                    true => self.chance.one_of(&ARITHMETIC).to_owned(),
                    false => format!("{} bool", self.chance.one_of(&COMPARISONS)),
                };
                of(
                    format!("({} {op} {})", left.text, right.text),
                    vec![left, right],
                )
            }
            6 => of(format!("-({number})"), Vec::new()),
            _ => of(number, Vec::new()),
        }
    }

    fn vector(&mut self, depth: usize) -> Expression {
        if depth == 0 {
            return self.leaf();
        }
        match self.chance.below(20) {
            0 | 1 => self.leaf(),
            2..=5 => self.of_range(depth),
            6..=8 => self.of_vector(depth),
            9..=12 => self.aggregation(depth),
            13..=16 => self.binary(depth),
            17 => self.set(depth),
            18 => self.labelled(depth),
            _ => {
                let inner = self.vector(depth - 1);
                of(
                    format!("{}({})", self.chance.one_of(&["-", "+", ""]), inner.text),
                    vec![inner],
                )
            }
        }
    }

    fn of_range(&mut self, depth: usize) -> Expression {
        let range = self.range(depth - 1);
        let text = &range.text;
        let text = match self.chance.below(24) {
            0 => format!(
                "quantile_over_time({}, {text})",
                self.chance
                    .one_of(&["0.5", "0", "1", "0.99", "-1", "2", "NaN"])
            ),
            1 => format!(
                "predict_linear({text}, {})",
                self.chance.one_of(&["60", "0", "-3600", "1e9"])
            ),
            2 => format!(
                "holt_winters({text}, {}, 0.3)",
                self.chance.one_of(&["0.1", "0.5", "0.9", "1"])
            ),
            _ => format!("{}({text})", self.chance.one_of(&OF_RANGE)),
        };
        of(text, vec![range])
    }

    fn of_vector(&mut self, depth: usize) -> Expression {
        let inner = self.vector(depth - 1);
        let text = &inner.text;
        let number = self.scalar(1).text;
        let text = match self.chance.below(16) {
            0 => format!("clamp({text}, -1, {number})"),
            1 => format!("clamp_min({text}, {number})"),
            2 => format!("clamp_max({text}, {number})"),
            3 => format!("round({text}, {number})"),
            4 => format!("vector({number})"),
            5 | 6 => return self.quantile(),
            7 | 8 => format!("{}((({text}) > -1e10) < 1e11)", self.chance.one_of(&DATES)),
            _ => format!("{}({text})", self.chance.one_of(&OF_VECTOR)),
        };
        of(text, vec![inner])
    }

    /// A quantile or a fraction of classic histograms.
    fn quantile(&mut self) -> Expression {
        let name = self.chance.one_of(&[
            "latency_seconds_bucket",
            "prometheus_http_request_duration_seconds_bucket",
            "etcd_disk_wal_fsync_duration_seconds_bucket",
        ]);
        let inner = match self.chance.below(4) {
            0 => format!("rate({name}[5m])"),
            1 => format!("sum by (le) (rate({name}[2m]))"),
            2 => format!("sum without (instance, job) (increase({name}[10m]))"),
            _ => name.to_owned(),
        };
        let rank = self.chance.one_of(&RANKS);
        let text = format!("histogram_quantile({rank}, {inner})");
        of(text, vec![of(inner, Vec::new())])
    }

    pub(super) fn grouping(&mut self) -> String {
        let mut labels = Vec::new();
        for _ in 0..self.chance.below(4) {
            labels.push(self.chance.one_of(&LABELS));
        }
        match self.chance.below(5) {
            0 | 1 => format!(" by ({})", labels.join(", ")),
            2 | 3 => format!(" without ({})", labels.join(", ")),
            _ => String::new(),
        }
    }

    fn aggregation(&mut self, depth: usize) -> Expression {
        let inner = self.vector(depth - 1);
        let (text, grouping) = (&inner.text, self.grouping());
        let text = match self.chance.below(16) {
            0 => format!(
                "topk{grouping} ({}, {text})",
                self.chance.one_of(&["1", "3", "0", "-1", "100"])
            ),
            1 => format!(
                "bottomk{grouping} ({}, {text})",
                self.chance.one_of(&["1", "2", "5"])
            ),
            2 => format!(
                "quantile{grouping} ({}, {text})",
                self.chance.one_of(&["0.5", "0.9", "-1", "1.1", "NaN"])
            ),
            3 => format!(
                "count_values{grouping} (\"{}\", {text})",
                self.chance.one_of(&["value", "job", "9"])
            ),
            _ => format!("{}{grouping} ({text})", self.chance.one_of(&AGGREGATIONS)),
        };
        of(text, vec![inner])
    }

    pub(super) fn matching(&mut self, is_set: bool) -> String {
        let mut labels =
            Vec::from_iter((0..1 + self.chance.below(2)).map(|_| self.chance.one_of(&LABELS)));
        labels.dedup();
        let on = format!(
            " {}({})",
            self.chance.one_of(&["on", "ignoring"]),
            labels.join(", ")
        );
        match self.chance.below(8) {
            0 | 1 => on,
            2 if !is_set => format!(
                "{on} group_left({})",
                self.chance.one_of(&["", "version", "room"])
            ),
            3 if !is_set => format!(
                "{on} group_right({})",
                self.chance.one_of(&["", "version", "kind"])
            ),
            _ => String::new(),
        }
    }

    fn operator(&mut self) -> String {
        match self.chance.below(10) {
            0..=5 => self.chance.one_of(&ARITHMETIC).to_owned(),
            6 | 7 => self.chance.one_of(&COMPARISONS).to_owned(),
            _ => format!("{} bool", self.chance.one_of(&COMPARISONS)),
        }
    }

    fn binary(&mut self, depth: usize) -> Expression {
        let operator = self.operator();
        if self.chance.is(40) {
            let (inner, number) = (self.vector(depth - 1), self.scalar(1));
            let (left, right) = match self.chance.is(50) {
                true => (&inner.text, &number.text),
                false => (&number.text, &inner.text),
            };
            return of(
                format!("({left}) {operator} ({right})"),
                vec![inner, number],
            );
        }
        let left = self.vector(depth - 1);
        let right = match self.chance.below(4) {
            0 if left.parts.is_empty() => left.clone(),
            1 => of(format!("build_info{}", self.moved()), Vec::new()),
            _ => self.vector(depth - 1),
        };
        let matching = self.matching(false);
        of(
            format!("({}) {operator}{matching} ({})", left.text, right.text),
            vec![left, right],
        )
    }

    fn set(&mut self, depth: usize) -> Expression {
        let (left, right) = (self.vector(depth - 1), self.vector(depth - 1));
        let operator = self.chance.one_of(&["and", "or", "unless"]);
        let matching = self.matching(true);
        of(
            format!("({}) {operator}{matching} ({})", left.text, right.text),
            vec![left, right],
        )
    }

    pub(super) fn labelled(&mut self, depth: usize) -> Expression {
        let inner = self.vector(depth - 1);
        let (text, label) = (&inner.text, self.chance.one_of(&LABELS));
        let text = match self.chance.below(4) {
            0 => format!("label_join({text}, \"{label}\", \"-\", \"job\", \"instance\")"),
            1 => format!("label_replace({text}, \"new\", \"$1-x\", \"{label}\", \"(.).*\")"),
            2 => format!("label_replace({text}, \"{label}\", \"\", \"{label}\", \".*\")"),
            _ => format!(
                "label_replace({text}, \"__name__\", \"${{1}}_b\", \"__name__\", \"(.*)_total\")"
            ),
        };
        of(text, vec![inner])
    }

    /// What both sides refuse.
    fn wrong(&mut self) -> Expression {
        let text = match self.chance.below(10) {
            0 => format!("rate({})", self.selector()),
            1 => format!("abs({}[5m])", self.selector()),
            2 => format!("sum({}", self.selector()),
            3 => format!("{} and 1", self.selector()),
            4 => format!("1 {} 2", self.chance.one_of(&COMPARISONS)),
            5 => format!("no_such_function({})", self.selector()),
            6 => "{job=~\".*\"}".to_owned(),
            7 => format!("{}[5m:1m] + 1", self.selector()),
            8 => format!("topk({})", self.selector()),
            _ => format!("\"text\" + {}", self.selector()),
        };
        of(text, Vec::new())
    }
}
