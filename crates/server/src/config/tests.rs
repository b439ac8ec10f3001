use super::*;

fn refused(text: &str) -> String {
    let error = Settings::parse(text).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    error.to_string()
}

#[test]
fn what_a_file_leaves_out_keeps_its_default() {
    let settings = Settings::parse("query_memory = '64MiB'\nsession_lifetime = '2h'").unwrap();
    assert_eq!(settings.query_memory, ByteSize::mib(64));
    assert_eq!(settings.session_lifetime, Duration::from_secs(7200));
    let settings_of_storage = Settings::parse("[storage]\ngrace_period = '1day'").unwrap().storage;
    assert_eq!(settings_of_storage.grace_period, Duration::from_secs(86_400));
    assert_eq!(settings_of_storage.compaction_memory, ByteSize::mib(320));
    assert_eq!(settings.flight_addr, Settings::default().flight_addr);
    assert_eq!(Settings::parse("").unwrap().anonymous_role(), Some(Role::Admin));
}

/// Goes red when a server without users can be reached from elsewhere before somebody said so.
#[test]
fn a_door_that_is_open_to_everybody_is_refused() {
    let everywhere = "flight_addr = '0.0.0.0:32010'";
    assert!(refused(everywhere).contains("refusing to listen on 0.0.0.0:32010"));
    assert!(refused(&format!("{everywhere}\nanonymous = 'read'\nusers = 'u.toml'")).contains("refusing"));
    let open = Settings::parse(&format!("{everywhere}\ninsecure = true")).unwrap();
    assert_eq!(open.anonymous_role(), Some(Role::Read));
    let closed = Settings::parse(&format!("{everywhere}\nusers = 'u.toml'")).unwrap();
    assert_eq!(closed.anonymous_role(), None);
}

#[test]
fn settings_that_cannot_be_meant_are_refused() {
    assert!(refused("flight_adr = '127.0.0.1:1'").contains("unknown field `flight_adr`"));
    assert!(refused("tls_cert = 'c.pem'").contains("belong together"));
    assert!(refused("tls_client_ca = 'c.pem'").contains("needs tls_cert"));
    assert!(refused("connections_max = 0").contains("connections_max must lie in [1, 1048576], got 0"));
    assert!(refused("message_max = '1B'").contains("message_max"));
    assert!(refused("query_timeout = '0s'").contains("longer than 0s"));
    assert!(refused("anonymous = 'root'").contains("root"));
    for alias in ["public", "driftline", "information_schema", "", "IOX", "my schema", "1st", "a-b"] {
        let message = refused(&format!("schema_alias = '{alias}'"));
        assert!(
            message.contains("schema_alias") && message.contains(&format!("got \"{alias}\"")),
            "{message}"
        );
    }
    assert!(Settings::parse("schema_alias = 'iox_2'").is_ok());
    assert!(
        refused("[storage]\nmemtable_bytes = '1B'")
            .contains("storage: memtable_bytes must be at least 64.0 KiB")
    );
    assert!(refused("[storage]\ngrace = '1h'").contains("unknown field `grace`"));
}

/// Breaks when a limit that cannot be reached is taken without a word.
#[test]
fn more_memory_for_one_than_for_all_is_said() {
    let doubt = Settings::parse("memory = '64MiB'\nquery_memory = '65MiB'").unwrap().doubt().unwrap();
    assert!(doubt.contains("query_memory is 65.0 MiB") && doubt.contains("have 64.0 MiB"), "{doubt}");
    assert_eq!(Settings::parse("memory = '64MiB'\nquery_memory = '64MiB'").unwrap().doubt(), None);
    assert_eq!(Settings::default().doubt(), None);
}

#[test]
fn a_file_is_named_in_its_errors() {
    let error = Settings::read(Path::new("/no/such/driftline.toml")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("/no/such/driftline.toml"), "{error}");
}
