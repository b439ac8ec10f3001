use super::*;

const BINNED: [OptionName; 4] = [OptionName::Bins, OptionName::Binning, OptionName::Edges, OptionName::Eps];
const PROFILED: [OptionName; 2] = [OptionName::Bins, OptionName::Profile];
const TEST: [OptionName; 2] = [OptionName::Method, OptionName::Alternative];

// breaks when: a default changes, a spelling is no longer read, or a value lands in another option
#[test]
fn reads_every_option() {
    let binned = |text: &str| Options::parse(text, &BINNED).unwrap();
    assert_eq!(binned(""), Options::default());
    assert_eq!(binned("  ").binning, Binning::Quantile { bins: 10 });
    assert_eq!(binned("bins=20").binning, Binning::Quantile { bins: 20 });
    assert_eq!(binned("BINS = 20 , eps = 1e-6").eps, 1e-6);
    assert_eq!(binned("binning=uniform").binning, Binning::Uniform { bins: 10 });
    assert_eq!(binned("binning=uniform, bins=5").binning, Binning::Uniform { bins: 5 });
    assert_eq!(binned("edges=[-1, 0.5,2e3], eps=0.01").binning, Binning::Edges(vec![-1.0, 0.5, 2000.0]));
    assert_eq!(binned("binning=sturges").binning, Binning::Sturges);
    assert_eq!(binned("binning=DOANE").binning, Binning::Doane);
    let profile = |text: &str| Options::parse(text, &PROFILED).unwrap().profile;
    assert_eq!(profile(""), None);
    for (text, named) in PROFILES {
        assert_eq!(profile(&format!("profile={text}")), Some(named));
        assert_eq!(named.text(), text);
    }
    let test = |text: &str| Options::parse(text, &TEST).unwrap();
    assert_eq!(test("method=exact").method, Method::Exact);
    assert_eq!(test("alternative=less, method=asymp").alternative, Alternative::Less);
    let table = |text: &str| Options::parse(text, &[OptionName::Correction]).unwrap();
    assert!(table("").correction);
    assert!(!table("correction=false").correction);
}

// breaks when: a wrong option is taken silently, or its message loses the value or what is allowed
#[test]
fn refuses_with_the_value_and_what_is_allowed() {
    let cases: [(&str, &[OptionName], &str); 20] = [
        ("bin=20", &BINNED, "unknown option 'bin' (did you mean 'bins'? known: bins, binning, edges, eps)"),
        ("colour=red", &TEST, "unknown option 'colour' (known: method, alternative)"),
        ("eps=1", &TEST, "option 'eps' does not apply here (known: method, alternative)"),
        ("bins=1", &BINNED, "option 'bins' must be a whole number from 2 to 10000, got '1'"),
        ("bins=10.5", &BINNED, "option 'bins' must be a whole number from 2 to 10000, got '10.5'"),
        ("bins=10, bins=20", &BINNED, "option 'bins' is given twice"),
        ("bins", &BINNED, "option 'bins' must have the form name=value"),
        ("bins=10,", &BINNED, "option '' must have the form name=value"),
        ("eps=0", &BINNED, "option 'eps' must lie in (0, 1), got '0'"),
        ("eps=NaN", &BINNED, "option 'eps' must lie in (0, 1), got 'NaN'"),
        (
            "binning=scott",
            &BINNED,
            "option 'binning' must be one of quantile, uniform, sturges, doane, got 'scott'",
        ),
        (
            "binning=doane, bins=7",
            &BINNED,
            "option 'bins' is for binning=quantile and uniform: sturges and doane choose the number",
        ),
        (
            "profile=whylogs",
            &PROFILED,
            "option 'profile' must be one of evidently, nannyml, fiddler, popmon_norm, deepchecks, got 'whylogs'",
        ),
        (
            "profile=evidently, bins=5",
            &PROFILED,
            "option 'profile' cannot be combined with 'bins': a profile is a whole convention",
        ),
        ("edges=1", &BINNED, "option 'edges' must be a list such as [0, 0.5, 1], got '1'"),
        ("edges=[1, 1]", &BINNED, "option 'edges' must rise strictly, got 1 before 1"),
        ("edges=[0, inf]", &BINNED, "option 'edges' must hold finite numbers, got 'inf'"),
        ("edges=[0], bins=3", &BINNED, "option 'edges' cannot be combined with 'bins' or 'binning'"),
        ("edges=[0", &BINNED, "options 'edges=[0' leave a bracket open"),
        ("edges=0]", &BINNED, "options 'edges=0]' close a bracket that was never opened"),
    ];
    for (text, known, message) in cases {
        assert_eq!(Options::parse(text, known).unwrap_err(), message, "{text}");
    }
    let bins = Options::parse("bins=5", &BINNED).unwrap();
    let message = "option 'bins' is for numbers: text and boolean values are categories";
    assert_eq!(bins.check_categories().unwrap_err(), message);
    assert_eq!(Options::default().check_categories(), Ok(()));
}
