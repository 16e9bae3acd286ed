//! Checks of passwords: slow by design, so that they are remembered, and wait in lanes.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ring::hmac;
use ring::rand::SystemRandom;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::Instant;
use tsdb_core::model::HashMap;

use super::password::PasswordHash;
use super::secret::Secret;

/// Outcomes that are remembered at most. Right ones and wrong ones have a memory each, so that
/// nobody's wrong ones push a right one out.
const REMEMBERED_MAX: usize = 4096;
/// How long a right password is remembered since it was last used, and a wrong one at all.
const RIGHT_FOR: Duration = Duration::from_secs(3600);
const WRONG_FOR: Duration = Duration::from_secs(300);
/// Checks that wait in one lane, and in all of them.
const LANE_WAITING_MAX: usize = 128;
const WAITING_MAX: usize = 4096;
/// Lanes of one address: names share them by a hash that nobody knows.
const LANES_OF_ADDRESS: u64 = 4;

/// Too many checks wait already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Busy;

/// Whose password is checked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    pub(super) from: Option<IpAddr>,
    pub(super) user: &'a str,
    pub(super) password: &'a Secret,
    /// `None` when there is no such user: the check takes as long.
    pub(super) hash: Option<&'a PasswordHash>,
    /// Costs of all users' hashes, one of which an unknown user is given.
    pub(super) costs: &'a [u32],
}

/// Checks passwords, some at a time, and remembers what came of it.
#[derive(Debug)]
pub(super) struct Verifier {
    key: hmac::Key,
    right: Mutex<Memory>,
    wrong: Mutex<Memory>,
    running: Arc<Semaphore>,
    lanes: Mutex<HashMap<u64, Arc<Lane>>>,
    waiting: AtomicUsize,
}

/// Checks that wait for each other: no sender of many holds up those of others.
#[derive(Debug)]
struct Lane {
    turn: Semaphore,
    waiting: AtomicUsize,
}

impl Verifier {
    /// Checks so many at a time. Fails when the machine has no chance to give.
    pub(super) fn new(at_a_time: usize) -> Result<Self, &'static str> {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new());
        Ok(Self {
            key: key.map_err(|_| "the system has no random numbers")?,
            right: Mutex::default(),
            wrong: Mutex::default(),
            running: Arc::new(Semaphore::new(at_a_time.max(1))),
            lanes: Mutex::default(),
            waiting: AtomicUsize::new(0),
        })
    }

    /// Whether the password is right. Waits for its turn where it has to be worked out.
    pub(super) async fn is_right(&self, asked: Asked<'_>) -> Result<bool, Busy> {
        let hash = match asked.hash {
            Some(hash) => hash.clone(),
            None => PasswordHash::decoy(self.decoy_cost(asked)),
        };
        let tag = self.tag(&[
            asked.user.as_bytes(),
            hash.text().reveal(),
            asked.password.reveal(),
        ]);
        if let Some(known) = self.remembered(&tag) {
            return Ok(known);
        }
        let place = self.enter(self.lane_of(asked))?;
        let _turn = place.lane.turn.acquire().await.map_err(|_| Busy)?;
        // Others with the same password may have been checked in the meantime.
        if let Some(known) = self.remembered(&tag) {
            return Ok(known);
        }
        let running = Arc::clone(&self.running).acquire_owned().await;
        let running = running.map_err(|_| Busy)?;
        let is_known = asked.hash.is_some();
        let password = asked.password.clone();
        let checked = spawn_blocking(move || {
            // Held until the work is done, also when nobody waits for it any more.
            let _running = running;
            hash.is_of(password.reveal())
        });
        let is_right = checked.await.map_err(|_| Busy)? && is_known;
        let memory = if is_right { &self.right } else { &self.wrong };
        let keep = if is_right { RIGHT_FOR } else { WRONG_FOR };
        lock(memory).keep(tag, Instant::now(), keep);
        Ok(is_right)
    }

    fn remembered(&self, tag: &[u8; 32]) -> Option<bool> {
        let now = Instant::now();
        if lock(&self.right).renew(tag, now, RIGHT_FOR) {
            return Some(true);
        }
        lock(&self.wrong).has(tag, now).then_some(false)
    }

    /// The cost that a user who is not there has: always the same for a name, and as often each of
    /// those of the users who are.
    fn decoy_cost(&self, asked: Asked<'_>) -> u32 {
        let [first, ..] = self.tag(&[b"cost", asked.user.as_bytes()]);
        let count = asked.costs.len().max(1);
        let cost = asked.costs.get(usize::from(first) % count);
        cost.copied().unwrap_or(10)
    }

    /// The lane of an address, a network of IPv6 being one, and a name.
    fn lane_of(&self, asked: Asked<'_>) -> u64 {
        let address = match asked.from {
            None => [0; 8],
            Some(IpAddr::V4(address)) => first_half(address.to_ipv6_mapped(), true),
            Some(IpAddr::V6(address)) => first_half(address, false),
        };
        let number = |tag: [u8; 32]| {
            let [a, b, c, d, e, f, g, h, ..] = tag;
            [a, b, c, d, e, f, g, h]
                .into_iter()
                .fold(0, |all: u64, byte| all << 8 | u64::from(byte))
        };
        let user = number(self.tag(&[b"lane", asked.user.as_bytes()])) % LANES_OF_ADDRESS;
        number(self.tag(&[b"address", &address])) / LANES_OF_ADDRESS * LANES_OF_ADDRESS + user
    }

    fn enter(&self, number: u64) -> Result<Place<'_>, Busy> {
        let mut lanes = lock(&self.lanes);
        if self.waiting.load(Ordering::Relaxed) >= WAITING_MAX {
            return Err(Busy);
        }
        let lane = lanes.entry(number).or_insert_with(|| {
            Arc::new(Lane {
                turn: Semaphore::new(1),
                waiting: AtomicUsize::new(0),
            })
        });
        if lane.waiting.load(Ordering::Relaxed) >= LANE_WAITING_MAX {
            return Err(Busy);
        }
        lane.waiting.fetch_add(1, Ordering::Relaxed);
        self.waiting.fetch_add(1, Ordering::Relaxed);
        Ok(Place {
            verifier: self,
            number,
            lane: Arc::clone(lane),
        })
    }

    /// A text for these parts that nobody else can work out.
    fn tag(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.key);
        for part in parts {
            // Lengths keep one part from running into the next.
            context.update(&(part.len() as u64).to_le_bytes());
            context.update(part);
        }
        let mut tag = [0; 32];
        let signed = context.sign();
        for (to, from) in tag.iter_mut().zip(signed.as_ref()) {
            *to = *from;
        }
        tag
    }
}

/// The network of an address: half of an address of IPv6, all of one of IPv4.
fn first_half(address: Ipv6Addr, is_v4: bool) -> [u8; 8] {
    let octets = address.octets();
    let mut half = [0; 8];
    let from = if is_v4 { 8 } else { 0 };
    for (to, from) in half.iter_mut().zip(octets.iter().skip(from)) {
        *to = *from;
    }
    half
}

/// A place in a lane, which is left when it is dropped.
#[derive(Debug)]
struct Place<'a> {
    verifier: &'a Verifier,
    number: u64,
    lane: Arc<Lane>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut lanes = lock(&self.verifier.lanes);
        self.verifier.waiting.fetch_sub(1, Ordering::Relaxed);
        if self.lane.waiting.fetch_sub(1, Ordering::Relaxed) == 1 {
            lanes.remove(&self.number);
        }
    }
}

/// Tags, and until when they are known.
#[derive(Debug, Default)]
struct Memory {
    until: HashMap<[u8; 32], Instant>,
}

impl Memory {
    fn has(&self, tag: &[u8; 32], now: Instant) -> bool {
        self.until.get(tag).is_some_and(|until| *until > now)
    }

    /// As [`Memory::has`]; what is known stays so for longer.
    fn renew(&mut self, tag: &[u8; 32], now: Instant, keep: Duration) -> bool {
        match self.until.get_mut(tag) {
            Some(until) if *until > now => {
                *until = now + keep;
                true
            }
            _ => false,
        }
    }

    fn keep(&mut self, tag: [u8; 32], now: Instant, keep: Duration) {
        if self.until.len() >= REMEMBERED_MAX {
            self.until.retain(|_, until| *until > now);
        }
        if self.until.len() >= REMEMBERED_MAX {
            let oldest = self.until.iter().min_by_key(|(_, until)| **until);
            if let Some(oldest) = oldest.map(|(tag, _)| *tag) {
                self.until.remove(&oldest);
            }
        }
        self.until.insert(tag, now + keep);
    }
}

/// Nothing is left half changed under these locks, so a panic elsewhere does not matter.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const COST: u32 = 4;

    fn hash(password: &str) -> PasswordHash {
        let text = bcrypt::hash(password, COST).expect("a hash");
        PasswordHash::read(&text).expect("a hash")
    }

    fn asked<'a>(
        user: &'a str,
        password: &'a Secret,
        hash: Option<&'a PasswordHash>,
        from: [u8; 4],
    ) -> Asked<'a> {
        Asked {
            from: Some(IpAddr::from(from)),
            user,
            password,
            hash,
            costs: &[COST],
        }
    }

    #[tokio::test]
    async fn right_ones_are_right_and_remembered() {
        let verifier = Verifier::new(1).expect("a verifier");
        let hash = hash("pw");
        let (right, wrong) = (Secret::new(*b"pw"), Secret::new(*b"pW"));
        for _ in 0..2 {
            let is_right = verifier.is_right(asked("a", &right, Some(&hash), [1; 4]));
            assert_eq!(is_right.await, Ok(true));
            let is_right = verifier.is_right(asked("a", &wrong, Some(&hash), [1; 4]));
            assert_eq!(is_right.await, Ok(false));
            let is_right = verifier.is_right(asked("b", &right, None, [1; 4]));
            assert_eq!(is_right.await, Ok(false));
        }
        assert_eq!(lock(&verifier.right).until.len(), 1);
        assert_eq!(lock(&verifier.wrong).until.len(), 2);
        // Another hash is another password: what was remembered does not count.
        let next = self::hash("new");
        let is_right = verifier.is_right(asked("a", &right, Some(&next), [1; 4]));
        assert_eq!(is_right.await, Ok(false));
        assert!(lock(&verifier.lanes).is_empty());
        assert_eq!(verifier.waiting.load(Ordering::Relaxed), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_remembered_ends_and_is_bounded() {
        let mut memory = Memory::default();
        let now = Instant::now();
        let tag = |number: usize| {
            let mut tag = [0; 32];
            tag[..8].copy_from_slice(&(number as u64).to_le_bytes());
            tag
        };
        memory.keep(tag(0), now, WRONG_FOR);
        assert!(memory.has(&tag(0), now));
        assert!(!memory.has(&tag(0), now + WRONG_FOR));
        // Use keeps it.
        let later = now + WRONG_FOR / 2;
        assert!(memory.renew(&tag(0), later, WRONG_FOR));
        assert!(memory.has(&tag(0), now + WRONG_FOR));
        for number in 1..=REMEMBERED_MAX + 5 {
            memory.keep(tag(number), later + WRONG_FOR / 2, WRONG_FOR);
        }
        assert_eq!(memory.until.len(), REMEMBERED_MAX);
        assert!(!memory.has(&tag(0), later), "the oldest went");
        assert!(memory.has(&tag(REMEMBERED_MAX + 5), later));
    }

    #[tokio::test]
    async fn a_flood_from_one_address_holds_up_no_other() {
        let verifier = Arc::new(Verifier::new(1).expect("a verifier"));
        let hash = hash("pw");
        // Nothing is worked out as long as this is held.
        let held = Arc::clone(&verifier.running).acquire_owned().await;
        let mut flood = tokio::task::JoinSet::new();
        for number in 0..2000 {
            let verifier = Arc::clone(&verifier);
            flood.spawn(async move {
                let password = Secret::new(format!("wrong-{number}").into_bytes());
                let user = format!("user-{}", number % 50);
                let asked = asked(&user, &password, None, [6; 4]);
                verifier.is_right(asked).await
            });
        }
        let waiting_max = LANE_WAITING_MAX * 4;
        let mut busy = 0;
        while busy < 2000 - waiting_max {
            let outcome = flood.join_next().await.expect("a task").expect("no panic");
            assert_eq!(outcome, Err(Busy));
            busy += 1;
        }
        assert_eq!(verifier.waiting.load(Ordering::Relaxed), waiting_max);
        // At most one of each lane stands before a newcomer.
        drop(held);
        let password = Secret::new(*b"pw");
        let newcomer = verifier.is_right(asked("alice", &password, Some(&hash), [7; 4]));
        assert_eq!(newcomer.await, Ok(true));
        let left = verifier.waiting.load(Ordering::Relaxed);
        assert!(
            left >= waiting_max - 16,
            "{left} of {waiting_max} wait still"
        );
        // Who leaves makes room.
        flood.shutdown().await;
        assert_eq!(verifier.waiting.load(Ordering::Relaxed), 0);
        assert!(lock(&verifier.lanes).is_empty());
    }

    #[test]
    fn unknown_users_cost_what_known_ones_cost() {
        let verifier = Verifier::new(1).expect("a verifier");
        let password = Secret::new(*b"pw");
        let mut seen = [0; 2];
        for number in 0..200 {
            let user = format!("user-{number}");
            let asked = Asked {
                costs: &[5, 12],
                ..asked(&user, &password, None, [1; 4])
            };
            let cost = verifier.decoy_cost(asked);
            assert_eq!(cost, verifier.decoy_cost(asked), "it changes");
            seen[usize::from(cost == 12)] += 1;
        }
        assert!(seen.iter().all(|count| *count > 50), "{seen:?}");
    }

    #[test]
    fn a_network_of_ipv6_is_one_sender() {
        let verifier = Verifier::new(1).expect("a verifier");
        let password = Secret::new(*b"pw");
        let lane = |address: &str| {
            let address: IpAddr = address.parse().expect("an address");
            verifier.lane_of(Asked {
                from: Some(address),
                ..asked("a", &password, None, [1; 4])
            })
        };
        assert_eq!(lane("2001:db8:1:2::1"), lane("2001:db8:1:2:ffff::9"));
        assert_ne!(lane("2001:db8:1:2::1"), lane("2001:db8:1:3::1"));
        assert_ne!(lane("10.0.0.1"), lane("10.0.0.2"));
    }
}
