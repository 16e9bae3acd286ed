use std::time::{Duration, UNIX_EPOCH};

use super::system::epoch_ms;
use super::{Clock, ManualClock, SystemClock};

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
