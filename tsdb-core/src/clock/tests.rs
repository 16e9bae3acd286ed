use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use super::system::epoch_ms;
use super::{Clock, ManualClock, SystemClock, TrustedClock};

#[test]
fn epoch_ms_rounds_down_on_both_sides_of_the_epoch() {
    assert_eq!(epoch_ms(UNIX_EPOCH), 0);
    assert_eq!(epoch_ms(UNIX_EPOCH + Duration::from_micros(1999)), 1);
    assert_eq!(epoch_ms(UNIX_EPOCH - Duration::from_millis(3)), -3);
    assert_eq!(epoch_ms(UNIX_EPOCH - Duration::from_micros(3001)), -4);
}

#[test]
fn the_system_clock_is_of_this_century_and_starts_at_monotonic_zero() {
    let clock = SystemClock::new();
    assert!(clock.now_ms() > 1_600_000_000_000, "{}", clock.now_ms());
    let first = clock.monotonic_ms();
    assert!(first < 60_000, "{first}");
    assert!(clock.monotonic_ms() >= first);
}

#[test]
fn the_two_times_of_a_manual_clock_move_apart() {
    let clock = ManualClock::new(1_000);
    clock.advance(5);
    assert_eq!((clock.now_ms(), clock.monotonic_ms()), (1_005, 5));
    clock.step_wall(-2_000);
    assert_eq!((clock.now_ms(), clock.monotonic_ms()), (-995, 5));
    clock.advance_monotonic(10);
    assert_eq!((clock.now_ms(), clock.monotonic_ms()), (-995, 15));
    clock.set_wall(i64::MAX);
    clock.advance(1);
    assert_eq!((clock.now_ms(), clock.monotonic_ms()), (i64::MAX, 16));
}

#[test]
fn a_clock_that_jumps_is_not_noted_until_it_is_back_or_confirmed() {
    const STEP_MS: i64 = 7_200_000;
    const YEAR_MS: i64 = 365 * 86_400_000;
    let clock = Arc::new(ManualClock::new(1_000_000));
    let trusted = TrustedClock::new(clock.clone(), None, STEP_MS);
    clock.advance(500);
    assert!(trusted.is_trusted());
    assert_eq!(trusted.now_ms(), 1_000_500);
    clock.step_wall(YEAR_MS);
    clock.advance(500);
    assert!(!trusted.is_trusted());
    assert_eq!(trusted.now_ms(), 1_001_000, "time goes on without the jump");

    // What was noted meanwhile lets the next start see the jump, too.
    let restarted = TrustedClock::new(clock.clone(), Some(trusted.now_ms()), STEP_MS);
    assert!(!restarted.is_trusted());
    clock.advance(500);
    assert_eq!(restarted.now_ms(), 1_001_500);
    restarted.confirm();
    assert!(restarted.is_trusted());
    assert_eq!(restarted.now_ms(), 1_001_500 + YEAR_MS);

    clock.step_wall(-YEAR_MS);
    assert!(trusted.is_trusted(), "the clock is back");
    assert!(!restarted.is_trusted(), "away from what was confirmed");
}

#[test]
fn a_clock_that_is_behind_does_not_make_the_present_the_future() {
    const STEP_MS: i64 = 7_200_000;
    const YEAR_MS: i64 = 365 * 86_400_000;
    let clock = Arc::new(ManualClock::new(1_000_000));
    let trusted = TrustedClock::new(clock.clone(), None, STEP_MS);
    assert_eq!(trusted.latest_ms(), 1_000_000);
    clock.step_wall(-STEP_MS / 2);
    clock.advance(500);
    assert!(trusted.is_trusted(), "a small step is followed");
    assert_eq!(
        trusted.latest_ms(),
        1_000_500,
        "and yet it may be as late as before"
    );
    let restarted = TrustedClock::new(clock.clone(), Some(trusted.now_ms()), STEP_MS);
    assert_eq!(restarted.latest_ms(), 1_000_500, "also after a restart");
    clock.step_wall(-YEAR_MS);
    assert_eq!(trusted.latest_ms(), i64::MAX, "nobody knows how late it is");
    let restarted = TrustedClock::new(clock.clone(), Some(trusted.now_ms()), STEP_MS);
    assert_eq!(restarted.latest_ms(), i64::MAX);
    restarted.confirm();
    assert_eq!(restarted.latest_ms(), clock.now_ms());
    clock.step_wall(YEAR_MS);
    assert!(!restarted.is_trusted());
    assert_eq!(
        restarted.latest_ms(),
        clock.now_ms(),
        "a clock ahead bounds from above"
    );
}
