//! Lines of every kind, for the tests of the command line.

/// Every kind of value, every field, and text that is hard to carry: 24 records in 24 lines.
pub(super) fn every_kind() -> String {
    let values = [
        r#""a text""#,
        r#""quotes \" and \\ and \u0000 and \u001b[31m and\ttabs""#,
        r#""漢字 · עברית · \ud83d\ude00""#,
        r#"{"text":"Berg","language":"de"}"#,
        r#"{"entity":"Nepal"}"#,
        "true",
        "-3",
        "9223372036854775807",
        "9223372036854775808",
        "2.50",
        r#"{"decimal":"3"}"#,
        r#"{"float":0.1}"#,
        r#"{"float":"NaN"}"#,
        r#"{"time":"-0044-03-15"}"#,
        r#"{"time":"2024-05-03T10:00:00.123456Z"}"#,
        r#"{"quantity":"8848.86","unit":"m"}"#,
        r#"{"bytes":"00ff"}"#,
        r#"{"some":true}"#,
        r#"{"none":true}"#,
    ];
    let mut lines: String = values
        .iter()
        .map(|value| format!("{{\"subject\":\"Everest\",\"predicate\":\"p\",\"object\":{value}}}\n"))
        .collect();
    let id = "ab".repeat(32);
    lines += &format!(
        "{}\n{}\n{}\n{}\n{}\n",
        format_args!(
            r#"{{"subject":"Everest","predicate":"height","object":1,"polarity":"deny","confidence":0.95,"sources":["a","b"],"agent":"g","epoch":"e","qualifiers":{{"k":"v","n":[3,4]}},"valid":{{"from":"2020"}},"supersedes":"{id}","authored_at":"2024-05-03T10:00:00Z"}}"#
        ),
        format_args!(
            r#"{{"type":"vote","assertion":"{id}","voter":"alice","stance":1,"weight":2.5,"seq":1}}"#
        ),
        format_args!(
            r#"{{"type":"vote","assertion":"{id}","voter":"alice","stance":-1,"seq":2,"reason":"why","cast_at":"2024-05-03T10:00Z"}}"#
        ),
        r#"{"type":"epoch","name":"e","starts":"2023-06-10","author":"a"}"#,
        r#"{"type":"epoch","name":"e","description":"later","supersedes":["d",{"refines":"c"}]}"#,
    );
    lines
}

/// Two assertions of the subject `s` whose ids both begin with `657201f8`.
pub(super) const TWINS: &str = "{\"subject\":\"s\",\"predicate\":\"p\",\"object\":38625}\n\
                                {\"subject\":\"s\",\"predicate\":\"p\",\"object\":131882}\n";
