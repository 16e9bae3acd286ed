//! One query while it runs.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use tsdb_core::Labels;
use tsdb_core::model::HashMap;

use super::budget::Budget;
use super::column::Column;
use super::kernels::Rates;
use super::series::{VectorSeries, is_described, without_description};
use super::steps::Steps;
use super::tracing::{OpenSteps, ReadSoFar};
use crate::annotations::{Annotation, Annotations, ForcedMonotonicity};
use crate::answer::{Answer, QueryStats, Value};
use crate::engine::{Cancel, EngineOptions};
use crate::error::QueryError;
use crate::plan::VectorNode;
use crate::queryable::Queryable;
use crate::syntax::Span;

/// Takes series one by one; what is taken may be changed or emptied.
pub(crate) type Sink<'s> = dyn FnMut(&mut VectorSeries) -> Result<(), QueryError> + 's;

/// What a query runs with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request<'q> {
    pub(crate) query: &'q str,
    pub(crate) source: &'q dyn Queryable,
    pub(crate) options: &'q EngineOptions,
    pub(crate) cancel: &'q Cancel,
    /// Whether it was asked for more than one time.
    pub(crate) is_range: bool,
}

/// A query while it runs.
#[derive(Debug)]
pub(crate) struct Evaluation<'q> {
    pub(crate) request: Request<'q>,
    /// Shared by all threads of the query.
    pub(crate) budget: Arc<Budget>,
    annotations: RefCell<Annotations>,
    /// Memory that is used again for each series.
    pub(super) rates: RefCell<Rates>,
    /// What is written more than once, by its text and steps.
    pub(super) shared: RefCell<Shared>,
    read: Cell<ReadSoFar>,
    pub(super) steps: RefCell<OpenSteps>,
}

/// What a thread of a query has to say in the end.
#[derive(Debug)]
pub(crate) struct Noted {
    annotations: Annotations,
    read: ReadSoFar,
}

/// The series of what is written more than once.
type Shared = HashMap<(String, Steps), Rc<Vec<VectorSeries>>>;

/// Series that are held, until it is dropped.
#[derive(Debug)]
pub(crate) struct Held<'e> {
    pub(crate) series: Vec<VectorSeries>,
    budget: &'e Budget,
    samples: u64,
    bytes: u64,
}

impl<'e> Held<'e> {
    pub(crate) fn new(budget: &'e Budget) -> Self {
        Self {
            series: Vec::new(),
            budget,
            samples: 0,
            bytes: 0,
        }
    }

    /// The series, which go on being accounted for until the query ends.
    pub(crate) fn keep(mut self) -> Vec<VectorSeries> {
        (self.samples, self.bytes) = (0, 0);
        std::mem::take(&mut self.series)
    }

    /// Takes a series, whose column is left empty.
    pub(crate) fn take(&mut self, series: &mut VectorSeries) -> Result<(), QueryError> {
        let samples = series.column.samples();
        let labels = series.labels.as_bytes().len() as u64;
        let bytes = series.column.heap_bytes() + labels + size_of::<VectorSeries>() as u64;
        self.samples += samples;
        self.bytes += bytes;
        self.series.push(std::mem::take(series));
        self.budget.hold(samples, bytes)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.budget.release(self.samples, self.bytes);
    }
}

impl<'q> Evaluation<'q> {
    pub(crate) fn new(request: Request<'q>) -> Self {
        Self::beside(request, Arc::new(Budget::new(request.options)))
    }

    /// For another thread of a query.
    pub(crate) fn beside(request: Request<'q>, budget: Arc<Budget>) -> Self {
        Self {
            request,
            budget,
            annotations: RefCell::default(),
            rates: RefCell::default(),
            shared: RefCell::default(),
            read: Cell::default(),
            steps: RefCell::default(),
        }
    }

    pub(crate) fn options(&self) -> &'q EngineOptions {
        self.request.options
    }

    pub(crate) fn annotate(&self, annotation: &Annotation<'_>, span: Span) {
        self.annotations.borrow_mut().add(annotation, span);
    }

    /// How much there is to be said so far.
    pub(crate) fn annotations_len(&self) -> usize {
        self.annotations.borrow().len()
    }

    pub(crate) fn annotate_forced(&self, forced: ForcedMonotonicity) {
        self.annotations.borrow_mut().forced(forced);
    }

    pub(crate) fn warn(&self, text: String) {
        self.annotations.borrow_mut().warn(text);
    }

    /// Counts what was read of the source.
    pub(crate) fn count_read(&self, samples: u64) {
        self.add_read(ReadSoFar {
            series: 1,
            samples,
            nanoseconds: 0,
        });
    }

    pub(super) fn read_so_far(&self) -> ReadSoFar {
        self.read.get()
    }

    pub(super) fn add_read(&self, more: ReadSoFar) {
        let mut read = self.read.get();
        read.series += more.series;
        read.samples += more.samples;
        read.nanoseconds = read.nanoseconds.saturating_add(more.nanoseconds);
        self.read.set(read);
    }

    /// What another thread of the query noted.
    pub(crate) fn into_noted(self) -> Noted {
        Noted {
            annotations: self.annotations.into_inner(),
            read: self.read.get(),
        }
    }

    /// Notes what another thread of the query did.
    pub(crate) fn absorb(&self, noted: Noted) {
        self.annotations.borrow_mut().absorb(noted.annotations);
        self.add_read(noted.read);
    }

    /// The value with warnings, infos, and what it cost.
    pub(crate) fn finish(self, value: Value, nanoseconds: u64) -> Answer {
        let read = self.read.get();
        let trace = self.trace(nanoseconds);
        let (warnings, infos) = self.annotations.into_inner().finish(self.request.query);
        Answer {
            value,
            warnings,
            infos,
            stats: QueryStats {
                series: read.series,
                samples: read.samples,
                peak_samples: self.budget.peak_samples(),
                peak_bytes: self.budget.peak_bytes(),
            },
            trace,
        }
    }

    /// All series of a node.
    pub(crate) fn collect(&self, node: &VectorNode, steps: Steps) -> Result<Held<'_>, QueryError> {
        let mut held = Held::new(&self.budget);
        self.stream(node, steps, &mut |series| held.take(series))?;
        Ok(held)
    }

    /// Drops the name of a series: now, or at the end of the query.
    pub(crate) fn drop_name(&self, series: &mut VectorSeries) {
        let is_now = !self.options().features.delayed_name_removal;
        if is_now && is_described(&series.labels) {
            series.labels = without_description(&series.labels);
        }
        series.drop_name = true;
    }

    /// Labels of what a name is dropped of: as they are, or without it.
    pub(crate) fn nameless(&self, labels: &Labels) -> Labels {
        match self.options().features.delayed_name_removal {
            true => labels.clone(),
            false => without_description(labels),
        }
    }
}

/// The error of two series that are one.
pub(crate) fn same_labels() -> QueryError {
    QueryError::Execution("vector cannot contain metrics with the same labelset".to_owned())
}

/// Series by their labels: what has the same labels at other steps becomes one.
#[derive(Debug)]
pub(crate) struct Union<'e> {
    held: Held<'e>,
    places: HashMap<Labels, usize>,
}

impl<'e> Union<'e> {
    pub(crate) fn new(budget: &'e Budget) -> Self {
        Self {
            held: Held::new(budget),
            places: HashMap::default(),
        }
    }

    /// Adds a series.
    ///
    /// # Errors
    /// When another of the same labels has a value at the same step.
    pub(crate) fn add(&mut self, series: &mut VectorSeries) -> Result<(), QueryError> {
        let Some(&place) = self.places.get(&series.labels) else {
            let place = self.held.series.len();
            self.places.insert(series.labels.clone(), place);
            return self.held.take(series);
        };
        if let Some(known) = self.held.series.get_mut(place) {
            join(&mut known.column, &series.column)?;
        }
        Ok(())
    }

    /// Adds one to a series at a step.
    pub(crate) fn count(
        &mut self,
        labels: &Labels,
        (steps, step): (usize, usize),
    ) -> Result<(), QueryError> {
        let known = self.places.get(labels).copied();
        if let Some(known) = known.and_then(|place| self.held.series.get_mut(place)) {
            let before = known.column.float(step).unwrap_or_default();
            known.column.set_float(step, before + 1.0);
            return Ok(());
        }
        let mut series = VectorSeries::new(labels.clone(), Column::new(steps));
        series.column.set_float(step, 1.0);
        self.add(&mut series)
    }

    pub(crate) fn into_held(self) -> Held<'e> {
        self.held
    }
}

fn join(into: &mut Column, from: &Column) -> Result<(), QueryError> {
    for (step, point) in from.points() {
        if into.has(step) {
            return Err(same_labels());
        }
        into.set(step, point);
    }
    Ok(())
}
