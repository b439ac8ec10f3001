mod clients;
mod schema;
