//! An optimiser rule: a scan below an aggregation may give out slices of row groups instead of copies.
//!
//! An aggregation keeps values, not batches; what stands between it and the scan hands batches on or copies them itself. Everything
//! else may keep a batch, and then a slice would hold, and be counted as, its whole row group.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::Result as DfResult;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::{ExecutionPlan, replace_children_if_necessary};

use super::source::SlicesWanted;

/// See the module.
#[derive(Debug)]
pub(crate) struct SlicesForAggregates;

impl PhysicalOptimizerRule for SlicesForAggregates {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> DfResult<Arc<dyn ExecutionPlan>> {
        plan.transform_down(|node| {
            let Some(aggregate) = node.downcast_ref::<AggregateExec>() else {
                return Ok(Transformed::no(node));
            };
            match grant(aggregate.input())? {
                Some(input) => Ok(Transformed::yes(replace_children_if_necessary(node, vec![input])?)),
                None => Ok(Transformed::no(node)),
            }
        })
        .data()
    }

    fn name(&self) -> &str {
        "slices_for_aggregates"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// The plan with its scan allowed to slice; `None` where something in between may keep batches.
fn grant(plan: &Arc<dyn ExecutionPlan>) -> DfResult<Option<Arc<dyn ExecutionPlan>>> {
    if plan.downcast_ref::<DataSourceExec>().is_some() {
        return Ok(plan.with_new_state(Arc::new(SlicesWanted)));
    }
    let hands_on = plan.downcast_ref::<ProjectionExec>().is_some()
        || plan.downcast_ref::<FilterExec>().is_some()
        || plan.downcast_ref::<CooperativeExec>().is_some();
    let [child] = plan.children()[..] else { return Ok(None) };
    match hands_on.then(|| grant(child)).transpose()?.flatten() {
        Some(child) => Ok(Some(replace_children_if_necessary(Arc::clone(plan), vec![child])?)),
        None => Ok(None),
    }
}
