//! Texts of the current population as categories, to be compared with those of a stored reference. The categories are counted as
//! ever; those of the reference join them when a group is finished.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, LargeListArray, UInt64Array};
use datafusion::common::Result;

use super::categories::Categories;
use super::categories_by_group::{CategoriesByGroup, LeavingCategories};
use super::interner::Interner;
use crate::aggregate::comparison::accumulator::Kept;
use crate::aggregate::comparison::against::{Against, Choices, Prepared, choice_of, state_of};
use crate::aggregate::comparison::excluded::ExcludedByGroup;
use crate::aggregate::comparison::groups_accumulator::{KeptByGroup, Leaving};
use crate::aggregate::comparison::rows::Sides;
use crate::aggregate::comparison::{Answer, Excluded, Plan};

/// The numbers of a reference's texts, rising, with their counts.
type Numbered = Vec<(u32, u64)>;

fn numbered(interner: &mut Interner, reference: &Prepared) -> Result<Numbered> {
    let counted = reference.texts().iter().zip(&reference.counts);
    let mut numbered =
        counted.map(|(text, &count)| Ok((interner.intern(text)?, count))).collect::<Result<Numbered>>()?;
    numbered.sort_unstable();
    Ok(numbered)
}

/// All categories of either side: counts of the reference and of the current population, and number. Both sides rise by number.
fn united(reference: &Numbered, current: impl IntoIterator<Item = (u32, u64)>) -> Vec<([u64; 2], u32)> {
    let mut all: Vec<([u64; 2], u32)> = Vec::with_capacity(reference.len());
    let mut rest = reference.iter().copied().peekable();
    for (id, count) in current {
        while let Some((other, count)) = rest.next_if(|(other, _)| *other < id) {
            all.push(([count, 0], other));
        }
        let of_reference = rest.next_if(|(other, _)| *other == id).map_or(0, |(_, count)| count);
        all.push(([of_reference, count], id));
    }
    all.extend(rest.map(|(id, count)| ([count, 0], id)));
    all
}

/// The states of categories with the choices in the place of the reference's counts, which are not known to them.
fn with_choices(mut states: Vec<ArrayRef>, choices: ArrayRef) -> Vec<ArrayRef> {
    states[1] = choices;
    states
}

/// The states of categories again: no rows of the reference.
fn without_choices(states: &[ArrayRef]) -> Vec<ArrayRef> {
    let current = states[2].as_list::<i64>();
    let zeros = UInt64Array::from(vec![0; current.values().len()]);
    let field = super::lists::item_field(zeros.data_type().clone());
    let zeros = LargeListArray::new(field, current.offsets().clone(), Arc::new(zeros), None);
    vec![Arc::clone(&states[0]), Arc::new(zeros), Arc::clone(&states[2])]
}

/// The categories of one group.
#[derive(Debug)]
pub(crate) struct AgainstTexts {
    against: Arc<Against>,
    choice: u32,
    categories: Categories,
    /// The reference's, once they were asked for.
    reference: Option<Numbered>,
}

impl AgainstTexts {
    pub(crate) fn new(against: Arc<Against>) -> Self {
        let choice = against.unseen();
        Self { against, choice, categories: Categories::default(), reference: None }
    }
}

impl Kept for AgainstTexts {
    fn add(&mut self, args: &[ArrayRef], rows: &Sides, excluded: &mut [Excluded; 2]) -> Result<()> {
        self.against.choose_once(&mut self.choice, args)?;
        self.categories.add(args, rows, excluded)
    }

    fn remove(&mut self, args: &[ArrayRef], rows: &Sides, excluded: &mut [Excluded; 2]) -> Result<()> {
        self.categories.remove(args, rows, excluded)
    }

    fn state(&mut self, plan: &Plan) -> Result<Vec<ArrayRef>> {
        Ok(with_choices(self.categories.state(plan)?, state_of([self.choice])))
    }

    fn merge(&mut self, states: &[ArrayRef]) -> Result<()> {
        for row in 0..states[1].len() {
            self.choice = choice_of(&states[1], row).unwrap_or(self.choice);
        }
        self.categories.merge(&without_choices(states))
    }

    fn answer(&mut self, plan: &Plan, excluded: [Excluded; 2]) -> Result<Answer> {
        let Some(reference) = self.against.answering(self.choice) else { return Ok(Answer::Null) };
        let numbered = match &mut self.reference {
            Some(known) => known,
            unknown => unknown.insert(numbered(&mut self.categories.interner, reference)?),
        };
        let current = self.categories.counts.iter().zip(0u32..).map(|(counts, id)| (id, counts[1]));
        let all = united(numbered, current);
        Ok(plan.of_categories(&self.categories.interner, all, [reference.excluded, excluded[1]]))
    }

    fn heap_bytes(&self) -> usize {
        let reference = self.reference.as_ref().map_or(0, |numbered| numbered.capacity());
        self.categories.heap_bytes() + reference * size_of::<(u32, u64)>()
    }
}

/// The categories of many groups.
#[derive(Debug)]
pub(crate) struct AgainstTextsByGroup {
    against: Arc<Against>,
    choices: Choices,
    categories: CategoriesByGroup,
}

/// The first groups, on their way out.
pub(crate) struct LeavingAgainstTexts {
    against: Arc<Against>,
    choices: Choices,
    categories: LeavingCategories,
    references: HashMap<u32, Numbered>,
}

impl AgainstTextsByGroup {
    pub(crate) fn new(against: Arc<Against>) -> Self {
        Self { against, choices: Choices::default(), categories: CategoriesByGroup::default() }
    }
}

impl KeptByGroup for AgainstTextsByGroup {
    type Leaving = LeavingAgainstTexts;

    fn fresh(&self) -> Self {
        Self::new(Arc::clone(&self.against))
    }

    fn add(
        &mut self,
        args: &[ArrayRef],
        rows: &Sides,
        group_indices: &[usize],
        groups: usize,
        excluded: &mut ExcludedByGroup,
    ) -> Result<()> {
        self.choices.add(&self.against, args, group_indices, groups)?;
        self.categories.add(args, rows, group_indices, groups, excluded)
    }

    fn merge(&mut self, states: &[ArrayRef], group_indices: &[usize], groups: usize) -> Result<()> {
        self.choices.merge(&self.against, &states[1], group_indices, groups);
        self.categories.merge(&without_choices(states), group_indices, groups)
    }

    fn leave(&mut self, groups: usize, plan: &Plan) -> Result<LeavingAgainstTexts> {
        Ok(LeavingAgainstTexts {
            against: Arc::clone(&self.against),
            choices: self.choices.leave(groups),
            categories: self.categories.leave(groups, plan)?,
            references: HashMap::new(),
        })
    }

    fn heap_bytes(&self) -> usize {
        self.choices.heap_bytes() + self.categories.heap_bytes()
    }
}

impl Leaving for LeavingAgainstTexts {
    fn answer(&mut self, group: usize, plan: &Plan, excluded: [Excluded; 2]) -> Result<Answer> {
        let own = self.categories.advance(group);
        let choice = self.choices.of(group);
        let Some(reference) = self.against.answering(choice) else { return Ok(Answer::Null) };
        if !self.references.contains_key(&choice) {
            let numbered = numbered(&mut self.categories.interner, reference)?;
            self.references.insert(choice, numbered);
        }
        let current = self.categories.cells[own].iter().map(|cell| (cell.category, cell.counts[1]));
        let all = united(&self.references[&choice], current);
        Ok(plan.of_categories(&self.categories.interner, all, [reference.excluded, excluded[1]]))
    }

    fn states(self, groups: usize, plan: &Plan) -> Vec<ArrayRef> {
        with_choices(self.categories.states(groups, plan), self.choices.state(groups))
    }
}
