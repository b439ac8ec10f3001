//! Checks calls of our window functions while a query is planned.
//!
//! DataFusion hands a window function neither its ORDER BY nor its frame, so a missing order or a frame without effect can
//! only be seen here.

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr::WindowFunctionParams;
use datafusion::logical_expr::expr_rewriter::FunctionRewrite;
use datafusion::logical_expr::{Expr, WindowFrame, WindowFrameBound, WindowFunctionDefinition};

use super::{Rows, WindowFunction};

/// The check, as DataFusion's analyzer runs it on every expression. It changes nothing.
#[derive(Debug)]
pub(crate) struct CheckWindows;

impl FunctionRewrite for CheckWindows {
    fn name(&self) -> &str {
        "check_windows"
    }

    fn rewrite(&self, expr: Expr, _: &DFSchema, _: &ConfigOptions) -> Result<Transformed<Expr>> {
        if let Expr::WindowFunction(call) = &expr
            && let WindowFunctionDefinition::WindowUDF(function) = &call.fun
            && let Some(function) = function.inner().downcast_ref::<WindowFunction>()
        {
            function.check(&call.params)?;
        }
        Ok(Transformed::no(expr))
    }
}

impl WindowFunction {
    fn check(&self, call: &WindowFunctionParams) -> Result<()> {
        if let Some(Expr::Literal(literal, _)) = call.args.get(1)
            && let Some(Some(text)) = literal.try_as_str()
        {
            self.start(text)?;
        }
        if call.distinct {
            return Err(self.refuse("DISTINCT would leave rows without a result and is not supported"));
        }
        if self.window.rows == Rows::Past && call.order_by.is_empty() {
            return Err(self.refuse("reads rows in the order of time: write OVER (ORDER BY time)"));
        }
        let frame = &call.window_frame;
        let has_effect = match self.window.rows {
            Rows::Frame => true,
            Rows::Past => is_past(frame),
            // the frame that comes with an ORDER BY cannot be told from one that was written
            Rows::Partition => is_past(frame) || is_whole(frame),
        };
        if has_effect {
            return Ok(());
        }
        let reads = match self.window.rows {
            Rows::Partition => "all rows of the partition",
            _ => "all rows of the partition up to the present one",
        };
        Err(self.refuse(&format!("reads {reads}: leave out the frame {frame}")))
    }
}

fn is_past(frame: &WindowFrame) -> bool {
    frame.start_bound.is_unbounded() && frame.end_bound == WindowFrameBound::CurrentRow
}

fn is_whole(frame: &WindowFrame) -> bool {
    frame.start_bound.is_unbounded() && frame.end_bound.is_unbounded()
}
