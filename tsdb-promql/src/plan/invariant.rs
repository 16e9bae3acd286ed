//! Parts of a plan that give the same at each step, so that they are evaluated once.

use super::nodes::{
    HistogramInput, MapFunction, RangeCall, RangeFunction, RangeNode, ScalarNode, VectorNode,
};

/// Marks the topmost nodes that give the same at each step.
pub(super) fn settle(node: &mut VectorNode) {
    if is_invariant(node) {
        if !matches!(
            node,
            VectorNode::Scalar(ScalarNode::Constant(_)) | VectorNode::Invariant(_)
        ) {
            let placeholder = VectorNode::Scalar(ScalarNode::Constant(0.0));
            let inner = std::mem::replace(node, placeholder);
            *node = VectorNode::Invariant(Box::new(inner));
        }
        return;
    }
    match node {
        VectorNode::Select(_)
        | VectorNode::TimeOf { .. }
        | VectorNode::Scalar(_)
        | VectorNode::Range(_)
        | VectorNode::Invariant(_) => {}
        VectorNode::Map { node, .. }
        | VectorNode::Label { node, .. }
        | VectorNode::Sort { node, .. }
        | VectorNode::Absent { node, .. }
        | VectorNode::Histogram { node, .. }
        | VectorNode::Shared { node, .. }
        | VectorNode::Traced { node, .. }
        | VectorNode::Negate(node) => settle(node),
        VectorNode::Info(of) => settle(&mut of.node),
        VectorNode::WithScalar(of) => settle(&mut of.vector),
        VectorNode::Binary(of) => {
            settle(&mut of.left);
            settle(&mut of.right);
        }
        VectorNode::Aggregate(of) => settle(&mut of.node),
    }
}

fn is_invariant(node: &VectorNode) -> bool {
    match node {
        VectorNode::Select(select) => select.at.is_some(),
        VectorNode::TimeOf { select, .. } => select.at.is_some(),
        VectorNode::Scalar(scalar) => is_scalar_invariant(scalar),
        VectorNode::Range(call) => is_call_invariant(call),
        VectorNode::Map { function, node } => is_map_invariant(function) && is_invariant(node),
        VectorNode::Histogram { input, node, .. } => {
            is_input_invariant(input) && is_invariant(node)
        }
        VectorNode::Label { node, .. }
        | VectorNode::Sort { node, .. }
        | VectorNode::Absent { node, .. }
        | VectorNode::Shared { node, .. }
        | VectorNode::Traced { node, .. }
        | VectorNode::Negate(node) => is_invariant(node),
        VectorNode::Info(of) => of.at.is_some() && is_invariant(&of.node),
        VectorNode::WithScalar(of) => is_invariant(&of.vector) && is_scalar_invariant(&of.scalar),
        VectorNode::Binary(of) => is_invariant(&of.left) && is_invariant(&of.right),
        // As Prometheus has it, whatever the parameter does.
        VectorNode::Aggregate(of) => is_invariant(&of.node),
        VectorNode::Invariant(_) => true,
    }
}

fn is_call_invariant(call: &RangeCall) -> bool {
    let fixed = match &call.range {
        RangeNode::Select(select) => select.select.at.is_some(),
        RangeNode::Subquery(subquery) => subquery.at.is_some(),
    };
    fixed
        && call.function != RangeFunction::PredictLinear
        && call.scalars.iter().all(is_scalar_invariant)
}

fn is_map_invariant(function: &MapFunction) -> bool {
    match function {
        MapFunction::Clamp { min, max } => {
            [min, max].into_iter().flatten().all(is_scalar_invariant)
        }
        MapFunction::Round(to) => is_scalar_invariant(to),
        MapFunction::Timestamp => false,
        _ => true,
    }
}

fn is_input_invariant(input: &HistogramInput) -> bool {
    match input {
        HistogramInput::Quantile(of, _) => is_scalar_invariant(of),
        HistogramInput::Quantiles(_, all) => all.iter().all(|(of, _)| is_scalar_invariant(of)),
        HistogramInput::Fraction(lower, upper) => {
            is_scalar_invariant(lower) && is_scalar_invariant(upper)
        }
    }
}

pub(super) fn is_scalar_invariant(scalar: &ScalarNode) -> bool {
    match scalar {
        ScalarNode::Constant(_) => true,
        ScalarNode::Time => false,
        ScalarNode::OnlyOf(node) => is_invariant(node),
        ScalarNode::Negate(of) => is_scalar_invariant(of),
        ScalarNode::Binary { left, right, .. }
        | ScalarNode::Min(left, right)
        | ScalarNode::Max(left, right) => is_scalar_invariant(left) && is_scalar_invariant(right),
    }
}
