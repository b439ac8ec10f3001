//! Statements that other databases have and this one has not: what to do instead, in the words of the statement.

use super::cursor::Cursor;
use crate::error::{Error, Result};

const TRANSACTIONS: &str = "every statement is its own transaction: it is done as a whole, or not at all";
const APPEND_ONLY: &str = "rows are not changed in their place: use DELETE and INSERT";
const SCHEMAS: &str = "every table is in the schema public of its database, which is a directory";
const NO_INDEX: &str = "segments have statistics; CREATE TABLE takes sort = '...' and bloom = '...'";
const TEMPORARY: &str =
    "tables and views are durable: use WITH name AS (query) for the length of a statement";
const USERS: &str = "the database is a directory: whoever may read it may query it";
const PREPARED: &str = "send the statement itself";
const BY_ITSELF: &str = "it is done by itself; FLUSH writes what lies in memory";

/// First words and what to say; of two that fit, the first counts.
const UNSUPPORTED: [(&[&str], &str); 44] = [
    (&["CREATE", "OR", "REPLACE", "TABLE"], "use DROP TABLE IF EXISTS and CREATE TABLE"),
    (&["CREATE", "OR", "REPLACE", "TEMPORARY"], TEMPORARY),
    (&["CREATE", "OR", "REPLACE", "TEMP"], TEMPORARY),
    (&["CREATE", "TEMPORARY"], TEMPORARY),
    (&["CREATE", "TEMP"], TEMPORARY),
    (&["CREATE", "MATERIALIZED", "VIEW"], "use CREATE TABLE name AS query, or CREATE VIEW"),
    (&["CREATE", "UNIQUE", "INDEX"], NO_INDEX),
    (&["CREATE", "INDEX"], NO_INDEX),
    (&["CREATE", "SCHEMA"], SCHEMAS),
    (&["CREATE", "DATABASE"], SCHEMAS),
    (&["CREATE", "SEQUENCE"], "rows have a time; row_number() OVER (ORDER BY time) numbers them"),
    (&["CREATE", "FUNCTION"], "functions come with the program: SHOW FUNCTIONS"),
    (&["CREATE", "OR", "REPLACE", "FUNCTION"], "functions come with the program: SHOW FUNCTIONS"),
    (&["CREATE", "MACRO"], "functions come with the program: SHOW FUNCTIONS"),
    (&["CREATE", "TYPE"], "types are written where they are used, as STRUCT<a TEXT, b BIGINT>"),
    (&["CREATE", "USER"], USERS),
    (&["CREATE", "ROLE"], USERS),
    (&["ALTER", "VIEW"], "use CREATE OR REPLACE VIEW"),
    (&["DROP", "SCHEMA"], SCHEMAS),
    (&["DROP", "DATABASE"], SCHEMAS),
    (&["DROP", "INDEX"], NO_INDEX),
    (&["BEGIN"], TRANSACTIONS),
    (&["START", "TRANSACTION"], TRANSACTIONS),
    (&["COMMIT"], TRANSACTIONS),
    (&["ROLLBACK"], TRANSACTIONS),
    (&["ABORT"], TRANSACTIONS),
    (&["END"], TRANSACTIONS),
    (&["SAVEPOINT"], TRANSACTIONS),
    (&["UPDATE"], APPEND_ONLY),
    (&["MERGE"], APPEND_ONLY),
    (&["TRUNCATE"], "use DELETE FROM name"),
    (&["USE"], SCHEMAS),
    (&["GRANT"], USERS),
    (&["REVOKE"], USERS),
    (&["PREPARE"], PREPARED),
    (&["EXECUTE"], PREPARED),
    (&["DEALLOCATE"], PREPARED),
    (&["VACUUM"], "it is done by itself; COMPACT name does it at once"),
    (&["OPTIMIZE"], "it is done by itself; COMPACT name does it at once"),
    (&["ANALYZE"], BY_ITSELF),
    (&["CHECKPOINT"], BY_ITSELF),
    (&["LOCK"], TRANSACTIONS),
    (&["ATTACH"], SCHEMAS),
    (&["CALL"], "there are no procedures: functions are called in SELECT"),
];

/// Fails for a statement that is known and not supported.
pub(super) fn check(cursor: &Cursor<'_>) -> Result<()> {
    match UNSUPPORTED.iter().find(|(words, _)| cursor.at(words)) {
        Some((words, instead)) => {
            Err(Error::invalid(format!("{} is not supported: {instead}", words.join(" "))))
        }
        None => Ok(()),
    }
}
