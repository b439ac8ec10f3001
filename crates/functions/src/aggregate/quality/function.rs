//! A function of model quality as an aggregate function of DataFusion.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{DFSchema, DataFusionError, Result};
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::function::{AccumulatorArgs, AggregateFunctionSimplification, StateFieldsArgs};
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, format_state_name};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Documentation, Expr, ExprSchemable, GroupsAccumulator,
    Signature, Volatility,
};
use datafusion::physical_expr::expressions::Literal;

use super::options::{Average, Binning, Options};
use super::positive::Positive;
use super::state::cells::{Cells, CellsAnswer};
use super::state::scores::{Scores, ScoresAnswer};
use super::state::tally::{Rule, Tally, TallyAnswer};
use super::state::{Grouped, Single};
use super::{BinsAnswer, Measure, Quality};
use crate::kernels::classification::ClassCounts;

/// `bound` holds the options once planning has read their literal.
pub(crate) struct QualityFunction {
    quality: &'static Quality,
    bound: Option<String>,
    signature: Signature,
}

/// What is kept of a group.
enum Kept {
    Tally(Tally),
    Cells(Cells),
    Scores(Scores),
}

impl QualityFunction {
    pub(super) fn new(quality: &'static Quality, bound: Option<String>) -> Self {
        Self { quality, bound, signature: Signature::user_defined(Volatility::Immutable) }
    }

    fn refuse(&self, message: &str) -> DataFusionError {
        DataFusionError::Plan(format!("{}: {message}", self.quality.name))
    }

    fn parse(&self, text: &str) -> Result<Options> {
        Options::parse(text, self.quality.options).map_err(|message| self.refuse(&message))
    }

    /// The literal of options in a call that still has one, checked.
    fn read_literal<'a>(&self, args: &'a [Expr]) -> Result<Option<&'a str>> {
        if let Some(Expr::Literal(literal, _)) = args.get(2)
            && let Some(Some(text)) = literal.try_as_str()
        {
            self.parse(text)?;
            return Ok(Some(text));
        }
        Ok(None)
    }

    /// Checks a call while planning: its options, and whether its labels have the positive class.
    pub(crate) fn check_call(&self, args: &[Expr], schema: &DFSchema) -> Result<()> {
        let options = match self.read_literal(args)? {
            Some(text) => self.parse(text)?,
            None => Options::default(),
        };
        // a wrong number of arguments or a wrong type is refused by `return_type`
        if let [label, other, ..] = args
            && let (Ok(label), Ok(other)) = (label.get_type(schema), other.get_type(schema))
            && let Ok((label, _)) = self.types(&label, &other)
        {
            self.positive(&options, &label)?;
        }
        Ok(())
    }

    /// The positive class; `None` where all classes are alike.
    fn positive(&self, options: &Options, label: &DataType) -> Result<Option<Positive>> {
        if !self.quality.measure.has_positive() || options.average != Average::Binary {
            return Ok(None);
        }
        let instead = match self.quality.measure {
            Measure::Class(_) => ", or average over classes, for example average=macro",
            _ => "",
        };
        let positive = Positive::new(self.quality.name, instead, options.positive.as_deref(), label);
        positive.map(Some).map_err(|message| self.refuse(&message))
    }

    /// The types in which the arguments are read.
    fn types(&self, label: &DataType, other: &DataType) -> Result<(DataType, DataType)> {
        let refuse = |argument: &str, kind: &DataType| {
            self.refuse(&format!(
                "{argument} must be BOOLEAN, an integer or TEXT, got {kind}; cast it, for example to BIGINT"
            ))
        };
        let Some(class) = class_type(label) else { return Err(refuse("label", label)) };
        if !self.quality.measure.compares_classes() {
            if !(other.is_numeric() || other.is_null()) {
                let score = if self.quality.measure.takes_probability() { "p" } else { "score" };
                return Err(self.refuse(&format!("{score} must be a number, got {other}")));
            }
            return Ok((known(class), DataType::Float64));
        }
        let Some(predicted) = class_type(other) else { return Err(refuse("prediction", other)) };
        let both = match (class, predicted) {
            (DataType::Null, kind) | (kind, DataType::Null) => known(kind),
            (class, predicted) if class == predicted => class,
            _ => {
                return Err(self
                    .refuse(&format!("label and prediction must be of one kind, got {label} and {other}")));
            }
        };
        Ok((both.clone(), both))
    }

    fn options(&self, args: &AccumulatorArgs<'_>) -> Result<Options> {
        match (&self.bound, args.exprs.get(2)) {
            (Some(text), _) => self.parse(text),
            (None, None) => Ok(Options::default()),
            (None, Some(expr)) => {
                match expr.downcast_ref::<Literal>().map(|literal| literal.value().try_as_str()) {
                    Some(Some(Some(text))) => self.parse(text),
                    _ => Err(self.refuse("the options must be one text literal")),
                }
            }
        }
    }

    /// Reads the options and decides what is kept.
    fn kept(&self, args: &AccumulatorArgs<'_>) -> Result<Kept> {
        if args.is_distinct {
            return Err(self.refuse("DISTINCT would drop rows and is not supported"));
        }
        let options = self.options(args)?;
        let label = args.expr_fields[0].data_type();
        let positive = self.positive(&options, label)?;
        let name = self.quality.name;
        Ok(match (self.quality.measure, positive) {
            (Measure::Matrix, _) => Kept::Cells(Cells::new(label.clone(), CellsAnswer::Matrix)),
            (Measure::Class(measure), None) => match options.average {
                Average::Classes(weighing) => {
                    Kept::Cells(Cells::new(label.clone(), CellsAnswer::Mean(measure, weighing)))
                }
                // a wrong row is one class's false positive and another's false negative: all three are the accuracy
                _ => Kept::Tally(Tally::new(Rule::Agreement, TallyAnswer::OneClass(ClassCounts::precision))),
            },
            (Measure::Class(measure), Some(positive)) => {
                Kept::Tally(Tally::new(Rule::OneClass(positive), TallyAnswer::OneClass(measure)))
            }
            // agreeing rows are both, the others predicted only: their precision is the accuracy
            (Measure::Agreement, _) | (_, None) => {
                Kept::Tally(Tally::new(Rule::Agreement, TallyAnswer::OneClass(ClassCounts::precision)))
            }
            (Measure::Mean(term), Some(positive)) => {
                Kept::Tally(Tally::new(Rule::Mean { name, positive, term }, TallyAnswer::Mean))
            }
            (Measure::Ranks(measure), Some(positive)) => {
                Kept::Scores(Scores::new(name, positive, ScoresAnswer::Ranks(measure)))
            }
            (Measure::Bins(answer), Some(positive)) => match options.binning {
                Binning::Uniform => Kept::Tally(Tally::new(
                    Rule::Bins { name, positive, bins: options.bins },
                    TallyAnswer::Bins(answer),
                )),
                Binning::Quantile => Kept::Scores(Scores::new(
                    name,
                    positive,
                    ScoresAnswer::QuantileBins { bins: options.bins, answer },
                )),
            },
        })
    }
}

impl AggregateUDFImpl for QualityFunction {
    fn name(&self) -> &str {
        self.quality.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    /// Never refuses: what does not fit is refused by `return_type`, whose message reaches the user unwrapped.
    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        let mut coerced = arg_types.to_vec();
        if let [label, other, ..] = coerced.as_mut_slice()
            && let Ok((of_label, of_other)) = self.types(label, other)
        {
            (*label, *other) = (of_label, of_other);
        }
        Ok(coerced)
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        let second = match self.quality.measure {
            measure if measure.compares_classes() => "prediction",
            measure if measure.takes_probability() => "p",
            _ => "score",
        };
        let (label, other) = match arg_types {
            [label, other] => (label, other),
            [label, other, options] if is_text(options) => (label, other),
            [_, _, options] => {
                return Err(self.refuse(&format!("the options must be one text literal, got {options}")));
            }
            _ => {
                let given = arg_types.len();
                return Err(
                    self.refuse(&format!("takes (label, {second} [, options]), got {given} arguments"))
                );
            }
        };
        let (label, _) = self.types(label, other)?;
        Ok(match self.quality.measure {
            Measure::Matrix => super::confusion_matrix::return_type(&label),
            Measure::Bins(BinsAnswer::List) => super::calibration::return_type(),
            _ => DataType::Float64,
        })
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let list = |name: &str, item: DataType| {
            let list = DataType::LargeList(Arc::new(Field::new_list_field(item, true)));
            Arc::new(Field::new(format_state_name(args.name, name), list, true))
        };
        let options = match (&self.bound, self.quality.options) {
            (Some(text), _) => self.parse(text)?,
            // in a window there are no partial states
            _ => Options::default(),
        };
        let cells =
            matches!(self.quality.measure, Measure::Matrix) || matches!(options.average, Average::Classes(_));
        let scores = matches!(self.quality.measure, Measure::Ranks(_))
            || matches!(self.quality.measure, Measure::Bins(_)) && options.binning == Binning::Quantile;
        Ok(if cells {
            vec![
                list("labels", DataType::LargeUtf8),
                list("predictions", DataType::LargeUtf8),
                list("counts", DataType::UInt64),
            ]
        } else if scores {
            vec![list("negatives", DataType::UInt64), list("positives", DataType::UInt64)]
        } else {
            vec![list("tally", DataType::UInt64)]
        })
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        Ok(match self.kept(&args)? {
            Kept::Tally(tally) => Box::new(Single::new(tally)),
            Kept::Cells(cells) => Box::new(Single::new(cells)),
            Kept::Scores(scores) => Box::new(Single::new(scores)),
        })
    }

    fn groups_accumulator_supported(&self, _args: AccumulatorArgs<'_>) -> bool {
        true
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(match self.kept(&args)? {
            Kept::Tally(tally) => Box::new(Grouped::new(tally)),
            Kept::Cells(cells) => Box::new(Grouped::new(cells)),
            Kept::Scores(scores) => Box::new(Grouped::new(scores)),
        })
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }

    /// Reads the literal of options while planning, and spares the aggregation an array of equal texts a batch.
    fn simplify(&self) -> Option<AggregateFunctionSimplification> {
        let quality = self.quality;
        Some(Box::new(move |mut call: AggregateFunction, _| {
            let unbound = QualityFunction::new(quality, None);
            if let Some(text) = unbound.read_literal(&call.params.args)?.map(str::to_string) {
                call.params.args.truncate(2);
                call.func = Arc::new(AggregateUDF::new_from_impl(QualityFunction::new(quality, Some(text))));
            }
            Ok(Expr::AggregateFunction(call))
        }))
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some((self.quality.documentation)())
    }
}

impl std::fmt::Debug for QualityFunction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("QualityFunction")
            .field("name", &self.quality.name)
            .field("bound", &self.bound)
            .finish()
    }
}

impl PartialEq for QualityFunction {
    fn eq(&self, other: &Self) -> bool {
        self.quality.name == other.quality.name && self.bound == other.bound
    }
}

impl Eq for QualityFunction {}

impl Hash for QualityFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.quality.name.hash(state);
        self.bound.hash(state);
    }
}

/// The type in which a class is read; `None` for what is no class.
fn class_type(kind: &DataType) -> Option<DataType> {
    match kind {
        DataType::Boolean | DataType::Null => Some(kind.clone()),
        DataType::UInt64 => Some(DataType::UInt64),
        kind if kind.is_integer() => Some(DataType::Int64),
        DataType::Dictionary(_, inner) => class_type(inner),
        kind if is_text(kind) => Some(DataType::Utf8View),
        _ => None,
    }
}

/// A column of nothing but NULL is read as BOOLEAN.
fn known(kind: DataType) -> DataType {
    if kind.is_null() { DataType::Boolean } else { kind }
}

fn is_text(kind: &DataType) -> bool {
    matches!(kind, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}
