use super::*;

fn parsed(line: &str) -> Result<Cli, clap::Error> {
    parse(&words(line))
}

fn words(line: &str) -> Vec<OsString> {
    line.split(' ').map(OsString::from).collect()
}

#[test]
fn the_definition_of_the_command_line_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn global_flags_stand_before_or_after_the_command() {
    for line in
        ["annals --data D --json status", "annals status --data D --json", "annals --json status --data D"]
    {
        let cli = parsed(line).unwrap();
        assert_eq!(cli.global.data, Some(PathBuf::from("D")), "{line}");
        assert!(cli.global.json, "{line}");
    }
}

#[test]
fn json_is_known_to_be_asked_for_even_where_the_rest_makes_no_sense() {
    assert!(wants_json(&words("annals --json frobnicate")));
    assert!(wants_json(&words("annals frobnicate --json")));
    assert!(!wants_json(&words("annals subject -- --json")));
    assert!(!wants_json(&words("--json status")));
}

#[test]
fn a_mistake_says_what_is_wrong_and_how_it_is_used_each_on_one_line() {
    let failure = mistake(&parsed("annals get").unwrap_err());
    assert_eq!(failure.code.number(), 2);
    assert!(failure.message.starts_with("the following required arguments were not provided"), "{failure:?}");
    assert!(failure.help.as_ref().unwrap().contains("Usage: annals get"), "{failure:?}");
    assert!(!failure.message.contains('\n'));
    let failure = mistake(&parsed("annals").unwrap_err());
    assert_eq!(failure.message, "no command is given");
}

#[test]
fn every_command_has_examples() {
    for command in Cli::command().get_subcommands() {
        let examples = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        assert!(examples.contains("annals"), "{} has no examples", command.get_name());
    }
}
