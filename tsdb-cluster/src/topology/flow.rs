//! The most that can flow through a network whose capacities are raised step by step. Small
//! networks of unit paths: a shard, a group in it, a node.

use std::collections::VecDeque;

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

    /// Lets flow all that can, on top of what flows; answers how much more it is.
    pub(super) fn fill(&mut self) -> u64 {
        let mut more = 0;
        while let Some(path) = self.path() {
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
        more
    }

    /// Pipes that lead from source to sink and have room, last one first.
    fn path(&self) -> Option<Vec<usize>> {
        let mut came_by: Vec<Option<usize>> = vec![None; self.points.len()];
        let mut queue = VecDeque::from([SOURCE]);
        'search: while let Some(at) = queue.pop_front() {
            for &number in self.points.get(at).into_iter().flatten() {
                let Some(pipe) = self.pipes.get(number).filter(|pipe| pipe.left > 0) else {
                    continue;
                };
                match came_by.get_mut(pipe.to) {
                    Some(by @ None) if pipe.to != SOURCE => *by = Some(number),
                    _ => continue,
                }
                if pipe.to == SINK {
                    break 'search;
                }
                queue.push_back(pipe.to);
            }
        }
        let mut path = Vec::new();
        let mut at = SINK;
        while at != SOURCE {
            let number = came_by.get(at).copied().flatten()?;
            path.push(number);
            at = self.pipes.get(number ^ 1)?.to;
        }
        Some(path)
    }
}
