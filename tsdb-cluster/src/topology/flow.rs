//! The most that can flow through a network whose capacities are raised step by step. Small
//! networks of unit paths: a shard, a group in it, a node.

use std::collections::{BTreeMap, VecDeque};
use std::iter::successors;

/// A point of the network.
pub(super) type Point = usize;

#[derive(Clone, Copy, Debug)]
struct Pipe {
    to: Point,
    left: u64,
}

/// A network from point 0 to point 1. Pipes come in pairs, the second leads back.
#[derive(Debug)]
pub(super) struct Flow {
    pipes: Vec<Pipe>,
    /// Pipes that begin at each point.
    points: Vec<Vec<usize>>,
}

pub(super) const SOURCE: Point = 0;
pub(super) const SINK: Point = 1;

impl Flow {
    pub(super) fn new() -> Self {
        Self {
            pipes: Vec::new(),
            points: vec![Vec::new(), Vec::new()],
        }
    }

    pub(super) fn point(&mut self) -> Point {
        self.points.push(Vec::new());
        self.points.len() - 1
    }

    /// Lays a pipe between two points; answers its number.
    pub(super) fn pipe(&mut self, from: Point, to: Point, capacity: u64) -> usize {
        let number = self.pipes.len();
        for (at, to, left) in [(from, to, capacity), (to, from, 0)] {
            let index = self.pipes.len();
            self.pipes.push(Pipe { to, left });
            if let Some(begins) = self.points.get_mut(at) {
                begins.push(index);
            }
        }
        number
    }

    /// Raises a pipe's capacity.
    pub(super) fn widen(&mut self, pipe: usize, by: u64) {
        if let Some(pipe) = self.pipes.get_mut(pipe) {
            pipe.left += by;
        }
    }

    /// What flows through a pipe.
    pub(super) fn through(&self, pipe: usize) -> u64 {
        self.pipes.get(pipe ^ 1).map_or(0, |back| back.left)
    }

    /// Lets flow all that can on top of what flows, up to `most`; answers how much more it is.
    pub(super) fn fill(&mut self, most: u64) -> u64 {
        let begins = self.points.get(SOURCE).cloned().unwrap_or_default();
        let mut more = 0;
        // Points that lead nowhere do so until a pipe is widened.
        let mut dead = vec![false; self.points.len()];
        for begin in begins {
            while more < most && self.left(begin) > 0 {
                let Some(path) = self.path(begin, &mut dead) else {
                    break;
                };
                for pipe in path {
                    if let Some(pipe) = self.pipes.get_mut(pipe) {
                        pipe.left -= 1;
                    }
                    if let Some(back) = self.pipes.get_mut(pipe ^ 1) {
                        back.left += 1;
                    }
                }
                more += 1;
            }
        }
        more
    }

    fn left(&self, pipe: usize) -> u64 {
        self.pipes.get(pipe).map_or(0, |pipe| pipe.left)
    }

    /// Pipes with room that lead from the source by `begin` to the sink, as few as can be, last one
    /// first. Where there are none, all points that were looked at are dead.
    fn path(&self, begin: usize, dead: &mut [bool]) -> Option<Vec<usize>> {
        let mut came_by: BTreeMap<Point, usize> = BTreeMap::new();
        let mut queue = VecDeque::from([begin]);
        while let Some(number) = queue.pop_front() {
            let Some(pipe) = self.pipes.get(number) else {
                continue;
            };
            let is_dead = dead.get(pipe.to).copied().unwrap_or(true);
            if is_dead || pipe.to == SOURCE || pipe.left == 0 || came_by.contains_key(&pipe.to) {
                continue;
            }
            came_by.insert(pipe.to, number);
            if pipe.to == SINK {
                return Some(self.back(&came_by));
            }
            queue.extend(self.points.get(pipe.to).into_iter().flatten());
        }
        for point in came_by.into_keys() {
            if let Some(dead) = dead.get_mut(point) {
                *dead = true;
            }
        }
        None
    }

    /// The way back from the sink.
    fn back(&self, came_by: &BTreeMap<Point, usize>) -> Vec<usize> {
        let begins = |number: &usize| self.pipes.get(number ^ 1).map(|back| back.to);
        let last = came_by.get(&SINK).copied();
        let before = |number: &usize| came_by.get(&begins(number)?).copied();
        successors(last, before).collect()
    }
}
