use tsdb_core::ResetHint;

use super::super::FloatHistogram;
use super::{assert_near, custom, exponential, span, with_zero};

#[test]
fn texts_list_buckets_that_are_not_empty() {
    let mut histogram = with_zero(exponential(0, &[2.0, 0.0, 1e6], &[1.0, 3.5]), 0.001, 5.0);
    histogram.sum = 0.00001;
    assert_eq!(
        histogram.to_string(),
        "{count:1.0000115e+06, sum:1e-05, [-2,-1):3.5, [-1,-0.5):1, [-0.001,0.001]:5, (0.5,1]:2, \
         (2,4]:1e+06}"
    );
    assert_eq!(FloatHistogram::default().to_string(), "{count:0, sum:0}");
    assert_eq!(
        custom(&[5.0], 2.0, &[1.0, 2.0]).to_string(),
        "{count:3, sum:2, [-Inf,5]:1, (5,+Inf]:2}"
    );
}

#[test]
fn expressions_of_cases_have_one_span() {
    let mut histogram = with_zero(exponential(1, &[5.0, 10.0, 7.0], &[4.0]), 0.5, 2.0);
    histogram.sum = 3.0;
    histogram.positive_spans = vec![span(-1, 1), span(2, 2)];
    histogram.reset_hint = ResetHint::NoReset;
    assert_eq!(
        histogram.test_expression(),
        "{{schema:1 count:28 sum:3 z_bucket:2 z_bucket_w:0.5 counter_reset_hint:not_reset \
         offset:-1 buckets:[5 0 0 10 7] n_buckets:[4]}}"
    );
    assert_eq!(FloatHistogram::default().test_expression(), "{{}}");
    assert_eq!(
        custom(&[5.0, 10.0], 2.0, &[1.0, 0.0, 4.0]).test_expression(),
        "{{schema:-53 count:5 sum:2 custom_values:[5 10] buckets:[1 0 4]}}"
    );
}

#[test]
fn variance_is_that_of_the_middles() {
    // Of {1, 2, 3, 4} and of 10 observations of about 1.
    let low = FloatHistogram {
        sum: 10.0,
        ..exponential(2, &[1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 1.0], &[])
    };
    assert_near(low.standard_deviation(), 1.0787993180043811);
    assert_near(low.variance(), 1.163807968526718);
    let high = FloatHistogram {
        sum: 10.0,
        ..exponential(8, &[1.0, 2.0, 3.0, 4.0], &[])
    };
    assert_near(high.variance(), 2.3971123370139447e-5);
    let negative = FloatHistogram {
        sum: -100.0,
        ..exponential(0, &[], &[0.0, 0.0, 0.0, 0.0, 10.0])
    };
    assert_near(negative.standard_deviation(), 1.3137084989847607);
    assert_near(negative.average(), -10.0);
    let listed = custom(&[0.0, 2.0, 4.0], 6.0, &[0.0, 1.0, 1.0, 0.0]);
    assert_near(listed.variance(), 2.0);
    assert!(FloatHistogram::default().average().is_nan());
    assert!(FloatHistogram::default().variance().is_nan());
}
