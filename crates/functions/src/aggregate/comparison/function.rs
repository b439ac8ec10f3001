//! A comparison as an aggregate function of DataFusion.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{DataFusionError, Result};
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::function::{AccumulatorArgs, AggregateFunctionSimplification, StateFieldsArgs};
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, format_state_name};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Documentation, Expr, GroupsAccumulator, Signature,
    Volatility,
};
use datafusion::physical_expr::expressions::Literal;

use super::accumulator::ComparisonAccumulator;
use super::against::{Against, Cut};
use super::groups_accumulator::ComparisonGroups;
use super::kept::lists::item_field;
use super::kept::{
    AgainstBins, AgainstBinsByGroup, AgainstTexts, AgainstTextsByGroup, Bins, Categories, CategoriesByGroup,
    FixedBins, FixedBinsByGroup, Merged, MergedByGroup, Values, ValuesByGroup,
};
use super::value::{ValueKind, coerced, is_text};
use super::{Comparison, Measure, Plan};
use crate::baseline::{self, References};
use crate::kernels::reference::{GRID, is_on_grid};
use crate::options::{Binning, DriftOptions, Options};
use crate::scalar::is_token;

/// The function. `bound` holds the options once planning has read their literal, `against` the baseline that it compares with,
/// `exact_max_rows` the limit of the session.
#[derive(Clone)]
pub(crate) struct ComparisonFunction {
    comparison: &'static Comparison,
    bound: Option<String>,
    against: Option<AgainstBaseline>,
    exact_max_rows: usize,
    signature: Signature,
}

/// The baseline of a call, and what tells it from every other: content, column and row.
#[derive(Debug, Clone)]
struct AgainstBaseline {
    identity: (String, String, Option<Option<u32>>),
    references: Arc<Against>,
}

/// What is kept of a value.
enum Kept {
    Values,
    Bins(Bins),
    Categories,
    Merged,
    AgainstBins(Arc<Against>),
    AgainstTexts(Arc<Against>),
}

impl ComparisonFunction {
    pub(crate) fn new(comparison: &'static Comparison) -> Self {
        Self::bound(comparison, None)
    }

    fn bound(comparison: &'static Comparison, bound: Option<String>) -> Self {
        let signature = Signature::user_defined(Volatility::Immutable);
        Self {
            comparison,
            bound,
            against: None,
            exact_max_rows: DriftOptions::default().exact_max_rows,
            signature,
        }
    }

    /// The same function with another limit of exact modes; `None` where it has that limit.
    pub(crate) fn with_exact_max_rows(&self, exact_max_rows: usize) -> Option<Self> {
        (self.exact_max_rows != exact_max_rows).then(|| Self { exact_max_rows, ..self.clone() })
    }

    /// Whether it has its options or a baseline inside already.
    pub(crate) fn is_bound(&self) -> bool {
        self.bound.is_some() || self.against.is_some()
    }

    /// The same function against a baseline: the reference of a row, `Some(None)` being a key without one, or by the keys that
    /// follow the value.
    pub(crate) fn against(
        &self,
        references: Arc<References>,
        row: Option<Option<u32>>,
        options: Option<String>,
    ) -> Result<Self> {
        let parsed = options.as_deref().map_or_else(|| Ok(Options::default()), |text| self.parse(text))?;
        let cut = self.cut(references.kind(), &parsed).map_err(|message| self.refuse(&message))?;
        let identity = (references.id.clone(), references.column.clone(), row);
        let references = Arc::new(Against::new(references, row, cut));
        let against = Some(AgainstBaseline { identity, references });
        Ok(Self { against, ..Self::bound(self.comparison, options) })
    }

    /// How a baseline's column is cut for this function, which may need more than a baseline has.
    fn cut(&self, kind: baseline::Kind, options: &Options) -> Result<Cut, String> {
        let is_number = kind == baseline::Kind::Number;
        match self.comparison.measure.of_profile(options.profile)? {
            Measure::Presence(_) => return Ok(Cut::Presence),
            Measure::Ranked(_) | Measure::Bounded { .. } | Measure::Mixed { .. } if is_number => {
                return Err(if options.profile.is_some() { PROFILED.to_owned() } else { self.ranked() });
            }
            Measure::Ranked(_) | Measure::Bounded { .. } => return Err(self.ranked()),
            _ if !is_number => {
                options.check_categories()?;
                return Ok(Cut::Values { bins: 1 });
            }
            _ => {}
        }
        match options.binning {
            _ if options.profile.is_some() => Err(
                "a baseline has bins at the quantiles of its reference: option 'profile' needs the rows of the \
                 reference, as (value, is_current)"
                    .to_owned(),
            ),
            Binning::Quantile { bins } if is_on_grid(bins) => Ok(Cut::Values { bins }),
            Binning::Quantile { bins } => Err(format!(
                "option 'bins' must divide {GRID} against a baseline, which keeps quantiles of 0.1 % (2, 4, 5, 8, 10, 20, 25, \
                 40, 50, 100, 125, 200, 250, 500, {GRID}), got {bins}"
            )),
            _ => Err("a baseline has bins at the quantiles of its reference: option 'edges' and every other 'binning' need the \
                 rows of the reference, as (value, is_current)"
                .to_owned()),
        }
    }

    /// The kind of values that it would compare in a column of this type; `None` where any will do.
    pub(crate) fn compared_kind(&self, value: &DataType) -> Result<Option<baseline::Kind>> {
        Ok(match self.kind_of(&coerced(value, self.comparison.measure.plain()))? {
            ValueKind::Number => Some(baseline::Kind::Number),
            ValueKind::Text => Some(baseline::Kind::Text),
            ValueKind::Flag => Some(baseline::Kind::Boolean),
            ValueKind::Anything => None,
            ValueKind::Distribution | ValueKind::Categories => {
                let message = "takes values beside a baseline; compare a stored distribution with it in psi_between or another \
                               function of that kind";
                return Err(self.refuse(message));
            }
        })
    }

    fn parse(&self, text: &str) -> Result<Options> {
        let parsed = Options::parse(text, self.comparison.options).and_then(|options| {
            self.comparison.measure.of_profile(options.profile)?;
            Ok(options)
        });
        parsed.map_err(|message| self.refuse(&message))
    }

    /// The literal of options in a call that still has one, checked.
    pub(crate) fn read_literal<'a>(&self, args: &'a [Expr]) -> Result<Option<&'a str>> {
        if self.against.is_none()
            && let Some(Expr::Literal(literal, _)) = args.get(2)
            && let Some(Some(text)) = literal.try_as_str()
        {
            self.parse(text)?;
            return Ok(Some(text));
        }
        Ok(None)
    }

    /// Why a baseline is not enough, and what to ask instead.
    fn ranked(&self) -> String {
        let bounded = match self.comparison.name {
            "ks_test" | "ks_statistic" => "ks_between",
            "wasserstein" => "wasserstein_between",
            _ => return format!("{RANKED}, or use psi or js_distance"),
        };
        format!("{RANKED}, or ask {bounded}(distribution(value), baseline('name', 'column')) for bounds")
    }

    fn refuse(&self, message: &str) -> DataFusionError {
        DataFusionError::Plan(format!("{}: {message}", self.comparison.name))
    }

    fn kind_of(&self, value: &DataType) -> Result<ValueKind> {
        ValueKind::of(value, self.comparison.measure.plain()).map_err(|message| self.refuse(&message))
    }

    /// Reads the options and decides what is kept.
    fn plan(&self, args: &AccumulatorArgs<'_>) -> Result<(Plan, Kept)> {
        if args.is_distinct {
            return Err(self.refuse("DISTINCT changes the distribution and is not supported"));
        }
        let options = match (&self.bound, args.exprs.get(2)) {
            (Some(text), _) => self.parse(text)?,
            (None, _) if self.against.is_some() => Options::default(),
            (None, None) => Options::default(),
            (None, Some(expr)) => {
                match expr.downcast_ref::<Literal>().map(|literal| literal.value().try_as_str()) {
                    Some(Some(Some(text))) => self.parse(text)?,
                    _ => return Err(self.refuse("the options must be one text literal")),
                }
            }
        };
        let value = args.expr_fields[0].data_type();
        let kind = self.kind_of(value)?;
        let measure =
            self.comparison.measure.of_profile(options.profile).map_err(|message| self.refuse(&message))?;
        if let Some(profile) = options.profile {
            ValueKind::of(value, measure)
                .map_err(|message| self.refuse(&format!("profile '{}': {message}", profile.text())))?;
        }
        if kind == ValueKind::Distribution
            && (options.profile.is_some() || !matches!(options.binning, Binning::Quantile { .. }))
        {
            return Err(self.refuse(
                "a distribution has bins at quantiles, at ends of its buckets: other options of bins need the values themselves",
            ));
        }
        if !matches!(kind, ValueKind::Number | ValueKind::Distribution) {
            options.check_categories().map_err(|message| self.refuse(&message))?;
        }
        if let Some(against) = &self.against {
            let references = Arc::clone(&against.references);
            let kept = match kind {
                ValueKind::Text => Kept::AgainstTexts(references),
                _ => Kept::AgainstBins(references),
            };
            return Ok((self.finish(value, measure, options), kept));
        }
        let kept = match (kind, &options.binning) {
            (ValueKind::Number, Binning::Edges(edges)) => Kept::Bins(Bins::Edges(edges.clone().into())),
            (ValueKind::Number, _) => Kept::Values,
            (ValueKind::Flag, _) => Kept::Bins(Bins::Flags),
            (ValueKind::Anything, _) => Kept::Bins(Bins::Whole),
            (ValueKind::Text | ValueKind::Categories, _) => Kept::Categories,
            (ValueKind::Distribution, _) => Kept::Merged,
        };
        Ok((self.finish(value, measure, options), kept))
    }

    /// What finishes a group.
    fn finish(&self, value: &DataType, measure: &'static Measure, options: Options) -> Plan {
        Plan {
            comparison: self.comparison,
            measure,
            options: Arc::new(options),
            integers: value.is_integer(),
            against_baseline: self.against.is_some(),
            exact_max_rows: self.exact_max_rows,
        }
    }
}

const PROFILED: &str = "option 'profile' needs the rows of the reference: numbers are compared with them, as (value, is_current)";
const RANKED: &str = "it ranks every value of the reference, of which a baseline keeps quantiles only: compare with the rows of the \
    reference, as (value, is_current)";

impl AggregateUDFImpl for ComparisonFunction {
    fn name(&self) -> &str {
        self.comparison.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    /// Never refuses: what does not fit is refused by `return_type`, whose message reaches the user unwrapped.
    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        let mut types = arg_types.to_vec();
        if let Some(value) = types.first_mut() {
            *value = coerced(value, self.comparison.measure.plain());
        }
        if let Some(flag @ DataType::Null) = types.get_mut(1) {
            *flag = DataType::Boolean;
        }
        Ok(types)
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        if self.against.is_some() {
            // planning has checked the arguments
            return Ok(self.comparison.returns.data_type());
        }
        let (value, flag) = match arg_types {
            [value, flag] => (value, flag),
            [value, flag, options] if is_text(options) => (value, flag),
            [_, _, options] => {
                return Err(self.refuse(&format!("the options must be one text literal, got {options}")));
            }
            _ => {
                let message =
                    format!("takes (value, is_current [, options]), got {} arguments", arg_types.len());
                return Err(self.refuse(&message));
            }
        };
        self.kind_of(&coerced(value, self.comparison.measure.plain()))?;
        if is_token(flag) {
            return match self.comparison.measure.plain().ranks() {
                true => Err(self.refuse(&self.ranked())),
                false => Ok(self.comparison.returns.data_type()),
            };
        }
        if !matches!(flag, DataType::Boolean | DataType::Null) {
            return Err(self.refuse(&format!(
                "is_current must be BOOLEAN (false = reference, true = current, NULL = neither) or baseline('name'), got {flag}"
            )));
        }
        Ok(self.comparison.returns.data_type())
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let list = |name: &str, item: DataType| {
            let kind = DataType::LargeList(item_field(item));
            Arc::new(Field::new(format_state_name(args.name, name), kind, true))
        };
        let texts = match self.kind_of(args.input_fields[0].data_type())? {
            ValueKind::Text | ValueKind::Categories => Some(list("texts", DataType::LargeUtf8)),
            _ => None,
        };
        let integers = ["reference", "current", "excluded"].map(|name| list(name, DataType::UInt64));
        Ok(texts.into_iter().chain(integers).collect())
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        Ok(match self.plan(&args)? {
            (plan, Kept::Values) => {
                Box::new(ComparisonAccumulator::new(plan, Values::new(self.exact_max_rows)))
            }
            (plan, Kept::Bins(bins)) => Box::new(ComparisonAccumulator::new(plan, FixedBins::new(bins))),
            (plan, Kept::Categories) => Box::new(ComparisonAccumulator::new(plan, Categories::default())),
            (plan, Kept::Merged) => Box::new(ComparisonAccumulator::new(plan, Merged::default())),
            (plan, Kept::AgainstBins(against)) => {
                Box::new(ComparisonAccumulator::new(plan, AgainstBins::new(against)))
            }
            (plan, Kept::AgainstTexts(against)) => {
                Box::new(ComparisonAccumulator::new(plan, AgainstTexts::new(against)))
            }
        })
    }

    fn groups_accumulator_supported(&self, _args: AccumulatorArgs<'_>) -> bool {
        true
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(match self.plan(&args)? {
            (plan, Kept::Values) => {
                Box::new(ComparisonGroups::new(plan, ValuesByGroup::new(self.exact_max_rows)))
            }
            (plan, Kept::Bins(bins)) => Box::new(ComparisonGroups::new(plan, FixedBinsByGroup::new(bins))),
            (plan, Kept::Categories) => Box::new(ComparisonGroups::new(plan, CategoriesByGroup::default())),
            (plan, Kept::Merged) => Box::new(ComparisonGroups::new(plan, MergedByGroup::default())),
            (plan, Kept::AgainstBins(against)) => {
                Box::new(ComparisonGroups::new(plan, AgainstBinsByGroup::new(against)))
            }
            (plan, Kept::AgainstTexts(against)) => {
                Box::new(ComparisonGroups::new(plan, AgainstTextsByGroup::new(against)))
            }
        })
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }

    /// Reads the literal of options while planning, and spares the aggregation an array of equal texts a batch.
    fn simplify(&self) -> Option<AggregateFunctionSimplification> {
        if self.against.is_some() {
            return None;
        }
        let unbound = self.clone();
        Some(Box::new(move |mut call: AggregateFunction, _| {
            if let Some(text) = unbound.read_literal(&call.params.args)?.map(str::to_string) {
                call.params.args.truncate(2);
                call.func =
                    Arc::new(AggregateUDF::new_from_impl(Self { bound: Some(text), ..unbound.clone() }));
            }
            Ok(Expr::AggregateFunction(call))
        }))
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some((self.comparison.documentation)())
    }
}

impl std::fmt::Debug for ComparisonFunction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ComparisonFunction")
            .field("name", &self.comparison.name)
            .field("bound", &self.bound)
            .field("against", &self.against.as_ref().map(|against| &against.identity))
            .finish()
    }
}

impl PartialEq for ComparisonFunction {
    fn eq(&self, other: &Self) -> bool {
        let identity = |function: &Self| function.against.as_ref().map(|against| against.identity.clone());
        self.comparison.name == other.comparison.name
            && self.bound == other.bound
            && self.exact_max_rows == other.exact_max_rows
            && identity(self) == identity(other)
    }
}

impl Eq for ComparisonFunction {}

impl Hash for ComparisonFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.comparison.name.hash(state);
        self.bound.hash(state);
        self.against.as_ref().map(|against| &against.identity).hash(state);
    }
}
