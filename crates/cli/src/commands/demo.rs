//! `driftline demo`: make the history once, then judge it in SQL.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};

use super::{is_database, open_or_create, with_database};
use crate::args::DemoArgs;
use crate::demo::{Calendar, Recipe, closing, dashboards, install, prepare, replay};
use crate::failure::Failure;
use crate::place::Place;
use crate::terminal::Terminal;

pub(crate) async fn run(args: &DemoArgs, named: Option<&Path>, terminal: &Terminal) -> Result<()> {
    let is_from_environment =
        named.is_some_and(|path| std::env::var_os("DRIFTLINE_DB").is_some_and(|value| value == path));
    if let Some(named) = named.filter(|_| !is_from_environment) {
        return Err(Failure::invalid(format!(
            "the demo makes a database of its own: name its directory with --dir, not --db {}",
            named.display()
        )));
    }
    let recipe = Recipe { days: args.days, seed: args.seed };
    let calendar = Calendar::new(recipe.days);
    let is_new = !is_database(&args.dir);
    let is_empty = std::fs::read_dir(&args.dir).map_or(true, |mut entries| entries.next().is_none());
    if is_new && !is_empty {
        return Err(Failure::invalid(format!(
            "'{}' holds other files: name an empty or new directory with --dir",
            args.dir.display()
        )));
    }
    let page = with_database(
        open_or_create(&Place::new(args.dir.clone(), None), terminal).await?,
        async |database| {
            prepare(database, recipe, terminal)
                .await
                .with_context(|| format!("in the demo at '{}'", args.dir.display()))?;
            let mut page = String::new();
            let all = dashboards(database, terminal, &mut page).await?;
            install(database).await?;
            replay(database, calendar, terminal, &mut page).await?;
            closing(database, calendar, &all, terminal, &mut page).await?;
            Ok(page)
        },
    )
    .await?;
    let mut out = std::io::stdout().lock();
    out.write_all(page.as_bytes())?;
    let dir = args.dir.display();
    writeln!(
        out,
        "\n{}",
        terminal
            .dim(&format!("Ask yourself: driftline --db {dir} sql   (the panels are in sql/dashboards/)"))
    )?;
    Ok(out.flush()?)
}
