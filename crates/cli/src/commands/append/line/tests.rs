use std::ffi::OsString;

use annals::Record;

use super::*;
use crate::args::{self, Command};

/// The flags of a command line whose words are separated by `|`.
fn flags(line: &str) -> Result<Box<Args>, clap::Error> {
    let words: Vec<OsString> =
        ["annals", "append"].into_iter().chain(line.split('|')).map(OsString::from).collect();
    match args::parse(&words)?.command {
        Command::Append(args) => Ok(args),
        other => panic!("{other:?}"),
    }
}

/// The flags make the record that this JSON is.
fn check(line: &str, expected: &str) {
    let made = json(&flags(line).unwrap(), &mut |id| Ok(id.to_owned())).unwrap();
    let made = Record::from_json(&made).unwrap_or_else(|error| panic!("{made}: {error}")).record;
    assert_eq!(made, Record::from_json(expected).unwrap().record, "{line}");
}

/// The flags make no record.
fn refused(line: &str) {
    if let Ok(args) = flags(line) {
        let made = json(&args, &mut |id| Ok(id.to_owned()));
        let made = made.map(|made| Record::from_json(&made).map(|read| read.record));
        assert!(!matches!(made, Ok(Ok(_))), "{line}: {made:?}");
    }
}

const ID: &str = "3f2a91c04d7e3f2a91c04d7e3f2a91c04d7e3f2a91c04d7e3f2a91c04d7e3f2a";

#[test]
fn every_kind_of_object_has_a_flag() {
    for (flag, object) in [
        ("--object|-5", r#""-5""#),
        ("--object|Berg|--language|de", r#"{"text":"Berg","language":"de"}"#),
        ("--entity|Nepal", r#"{"entity":"Nepal"}"#),
        ("--int|-3", "-3"),
        ("--decimal|-3.10", r#"{"decimal":"-3.10"}"#),
        ("--decimal|3", r#"{"decimal":"3"}"#),
        ("--float|1e-3", r#"{"float":1e-3}"#),
        ("--float|-inf", r#"{"float":"-inf"}"#),
        ("--bool|true", "true"),
        ("--time|2024-05", r#"{"time":"2024-05"}"#),
        ("--time|-0044-03-15", r#"{"time":"-0044-03-15"}"#),
        ("--quantity|5.20 kg m", r#"{"quantity":"5.20","unit":"kg m"}"#),
        ("--bytes|00ff", r#"{"bytes":"00ff"}"#),
        ("--some", r#"{"some":true}"#),
        ("--none", r#"{"none":true}"#),
        ("--object-json|[1]", "0"),
    ] {
        let line = format!("--subject|s|--predicate|p|{flag}");
        if flag.starts_with("--object-json") {
            refused(&line);
            continue;
        }
        check(&line, &format!(r#"{{"subject":"s","predicate":"p","object":{object}}}"#));
    }
    check(
        &format!("--subject|s|--predicate|p|--assertion|{ID}"),
        &format!(r#"{{"subject":"s","predicate":"p","object":{{"assertion":"{ID}"}}}}"#),
    );
    check("--subject|s|--predicate|p|--object-json|2.50", r#"{"subject":"s","predicate":"p","object":2.50}"#);
}

#[test]
fn every_field_of_an_assertion_has_a_flag() {
    check(
        &format!(
            "--subject|s|--predicate|p|--object|o|--deny|--confidence|0.95|--source|a|--source|b|--agent|g|--epoch|e\
             |--qualifier|k=v=w|--qualifier|n:=3|--qualifier|n:=4|--valid-from|2020|--valid-until|2021\
             |--supersedes|{ID}|--corrects|{ID}|--retracts|{ID}|--derived-from|{ID}|--authored-at|2024-05-03T10:00:00Z"
        ),
        &format!(
            r#"{{"subject":"s","predicate":"p","object":"o","polarity":"deny","confidence":0.95,"sources":["a","b"],
            "agent":"g","epoch":"e","qualifiers":{{"k":"v=w","n":[3,4]}},"valid":{{"from":"2020","until":"2021"}},
            "supersedes":"{ID}","corrects":"{ID}","retracts":"{ID}","derived_from":"{ID}",
            "authored_at":"2024-05-03T10:00:00Z"}}"#
        ),
    );
}

#[test]
fn every_field_of_a_vote_has_a_flag() {
    check(
        &format!(
            "--vote-on|{ID}|--voter|alice|--stance|against|--weight|2.5|--seq|7|--reason|-|--epoch|e|--cast-at|2024-05-03T10:00Z"
        ),
        &format!(
            r#"{{"type":"vote","assertion":"{ID}","voter":"alice","stance":-1,"weight":2.5,"seq":7,"reason":"-",
            "epoch":"e","cast_at":"2024-05-03T10:00Z"}}"#
        ),
    );
    for (flag, number) in [("for", 1), ("-1", -1), ("neutral", 0)] {
        check(
            &format!("--vote-on|{ID}|--voter|v|--stance|{flag}"),
            &format!(r#"{{"type":"vote","assertion":"{ID}","voter":"v","stance":{number}}}"#),
        );
    }
}

#[test]
fn every_field_of_an_epoch_has_a_flag() {
    check(
        "--epoch-name|n|--description|d|--starts|2023|--ends|2024|--author|a|--replaces|x|--refines|y|--extends|z\
         |--authored-at|2024-05-03T10:00:00Z",
        r#"{"type":"epoch","name":"n","description":"d","starts":"2023","ends":"2024","author":"a",
        "supersedes":["x",{"refines":"y"},{"extends":"z"}],"authored_at":"2024-05-03T10:00:00Z"}"#,
    );
}

#[test]
fn flags_that_make_no_record_are_refused() {
    for line in [
        "--subject|s",
        "--subject|s|--predicate|p",
        "--object|o",
        "--subject|s|--predicate|p|--object|a|--int|1",
        "--subject|s|--predicate|p|--int|1.5",
        "--subject|s|--predicate|p|--quantity|5kg",
        "--subject|s|--predicate|p|--object|o|--confidence|much",
        "--subject|s|--predicate|p|--object|o|--confidence|1.5",
        "--subject|s|--predicate|p|--object|o|--confidence|-1",
        "--subject|s|--predicate|p|--object|o|--qualifier|k",
        "--subject|s|--predicate|p|--object|o|--qualifier|k:=v",
        "--subject|s|--predicate|p|--object|o|--voter|v",
        "--subject|s|--predicate|p|--object|o|--epoch-name|n",
        "--vote-on|x|--voter|v",
        "--epoch-name|n|--epoch|e",
        "-|--subject|s|--predicate|p|--object|o",
        "--epoch|e",
        "-|--authored-at|2024-05-03T10:00:00Z",
        "other",
    ] {
        refused(line);
    }
}

#[test]
fn an_id_may_be_given_by_its_first_digits() {
    let args = flags("--vote-on|3f2a91c0|--voter|v|--stance|for").unwrap();
    assert!(shortened_ids(&args));
    let made = json(&args, &mut |id| Ok(id.repeat(8))).unwrap();
    assert!(Record::from_json(&made).is_ok(), "{made}");
    assert!(!shortened_ids(&flags(&format!("--vote-on|{ID}|--voter|v|--stance|for")).unwrap()));
}
