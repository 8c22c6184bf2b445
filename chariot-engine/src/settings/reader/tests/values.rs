//! Values and their sources: lists, secrets, what the platform sends, and explanations.

use super::*;
use crate::settings::{Field, LogLevel, Origin, Secret, explained_table};

#[derive(Debug, PartialEq, Settings)]
struct Listed {
    #[setting(values = [224, 384], default = 224)]
    side: u16,
    #[setting(values = ["de", "en"])]
    language: Option<String>,
    #[setting(values = ["1m", "1h"], default = "1m")]
    patience: Duration,
    #[setting(values = ["info", "debug"], default = "info")]
    level: LogLevel,
    #[setting(values = [-1, 1])]
    sign: Option<i8>,
    #[setting(values = ["de", "en"])]
    languages: Option<Vec<String>>,
    #[setting(default = "1, 2")]
    numbers: Vec<u8>,
}

#[test]
fn only_listed_values_are_accepted() {
    let of = |variables: &[(&str, &str)]| from_environment::<Listed>(&variables.iter().copied().collect());
    let some = [("SIDE", "384"), ("LANGUAGE", "en"), ("PATIENCE", "3600"), ("LEVEL", "DEBUG"), ("SIGN", "-1")];
    let read = of(&some).unwrap();
    assert_eq!((read.side, read.language.as_deref(), read.sign), (384, Some("en"), Some(-1)));
    assert_eq!((read.patience, read.level), (Duration::from_secs(3600), LogLevel::Debug));
    assert_eq!(read.languages, None);
    let invalid = [
        ("SIDE", "225"),
        ("LANGUAGE", "EN"),
        ("PATIENCE", "1s"),
        ("LEVEL", "warn"),
        ("SIGN", "x"),
        ("LANGUAGES", "de,fr"),
        ("NUMBERS", "1,x"),
    ];
    let error = of(&invalid).unwrap_err();
    assert_eq!(at_fault(&error), invalid.map(|(name, _)| name));
    insta::assert_snapshot!("listed_values", lines(&error));
    let read = of(&[("LANGUAGES", "en, de,en"), ("NUMBERS", "3")]).unwrap();
    assert_eq!(read.languages, Some(["en", "de", "en"].map(str::to_owned).to_vec()));
    assert_eq!((read.numbers, of(&[]).unwrap().numbers), (vec![3], vec![1, 2]));
    let lists: Vec<_> = Listed::schema().into_iter().map(|setting| setting.values.join(" ")).collect();
    // The accepted elements of a list are not the accepted values of its setting.
    assert_eq!(lists, ["224 384", "de en", "1m 1h", "info debug", "-1 1", "", ""]);
}

#[test]
fn an_invalid_declared_value_is_a_fault_and_does_not_panic() {
    let environment = Environment::from_iter([("PATIENCE", "1m")]);
    let mut reader = Reader::new(&environment);
    assert_eq!(reader.field(Field::<Duration>::new("PATIENCE", "").values_text(&["1m", "soon"])), None);
    assert_eq!((reader.faults.len(), reader.faults[0].name.as_str()), (1, "PATIENCE"));
    insta::assert_snapshot!("declared_values", reader.faults[0].text);
}

#[test]
fn values_are_read_as_the_platform_sends_them() {
    #[derive(Debug, Settings)]
    struct Sent {
        #[setting(default = false)]
        exact: bool,
        #[setting(default = "none")]
        label: String,
        share: Option<f32>,
    }
    let of = |exact: &str, label: &str| {
        let variables = [("EXACT", exact), ("LABEL", label), ("SHARE", "\t")];
        let sent = from_environment::<Sent>(&Environment::from_iter(variables)).unwrap();
        assert_eq!(sent.share, None);
        (sent.exact, sent.label)
    };
    for yes in ["true", "True", "TRUE", "1", "yes", "on", " On\n"] {
        assert_eq!(of(yes, " a b "), (true, "a b".into()), "{yes}");
    }
    for no in ["false", "False", "0", "no", "off", "", "  "] {
        assert_eq!(of(no, " "), (false, "none".into()), "{no}");
    }
}

#[derive(Debug, Settings)]
#[expect(dead_code, reason = "only their explanation is used")]
struct Secrets {
    key: Secret,
    #[setting(default = Secret::new(4711))]
    pin: Secret<u16>,
    token: Option<Secret>,
}

#[test]
fn a_secret_is_never_shown() {
    let environment = Environment::from_iter([("KEY", "sesame"), ("PIN", "sesame"), ("TOKEN", "sesame")]);
    let mut reader = Reader::new(&environment).with_defaults("", [("KEY", "sesame")]);
    let error = reader.read::<Secrets>().unwrap_err();
    assert_eq!(at_fault(&error), ["PIN"]);
    insta::assert_snapshot!("secrets", lines(&error));
    let said = format!("{error:?} {reader:?} {:?} {}", reader.explained(), explained_table(reader.explained()));
    assert!(!said.contains("sesame") && said.contains("***"), "{said}");

    let mut reader = Reader::new(&environment).with_defaults("", [("PIN", "sesame")]);
    let mut without = environment.clone();
    reader.environment = without.set("PIN", "");
    let error = reader.read::<Secrets>().unwrap_err();
    assert_eq!(at_fault(&error), ["PIN"]);
    insta::assert_snapshot!("default_secrets", lines(&error));

    let schema = Secrets::schema();
    assert!(schema.iter().all(|setting| setting.secret && setting.default.is_none()), "{schema:?}");
    assert_eq!(schema.iter().map(|setting| setting.required).collect::<Vec<_>>(), [true, false, false]);
    let debug = format!("{:?}", from_environment::<Secrets>(&Environment::from_iter([("KEY", "sesame")])).unwrap());
    assert_eq!(debug, "Secrets { key: Secret(***), pin: Secret(***), token: None }");
}

#[test]
fn a_reader_records_the_source_of_each_value() {
    #[derive(Debug, Settings)]
    #[expect(dead_code, reason = "only their source is used")]
    struct Own {
        #[setting(alias = "COUNT", default = 3)]
        top_k: u8,
        #[setting(default = "a")]
        declared: String,
        #[setting(default = "a")]
        layered: String,
        #[setting(default = 1, with = twice)]
        twice: u8,
        #[setting(default = 1, with = seven)]
        seven: u8,
        nothing: Option<String>,
        file: Secret,
        #[setting(group)]
        proxy: Option<Proxy>,
        missing: String,
        wrong: Option<u8>,
    }
    #[derive(Debug, Settings)]
    #[expect(dead_code, reason = "only their source is used")]
    struct Proxy {
        host: String,
    }
    fn twice(reader: &mut Reader<'_>, field: Field<u8>) -> Option<u8> {
        reader.field(field).map(|value| value * 2)
    }
    fn seven(_: &mut Reader<'_>, _: Field<u8>) -> Option<u8> {
        Some(7)
    }

    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "sesame\n").unwrap();
    let environment = Environment::from_iter([
        ("COUNT", "5"),
        ("FILE_FILE", file.path().to_str().unwrap()),
        ("WRONG", "a\nlot"),
        ("LOG_LEVEL", "WARNING"),
        ("CHARIOT_ENGINE_PORT", "80"),
    ]);
    let mut reader = Reader::new(&environment).with_defaults("", [("LAYERED", "b")]);
    assert_eq!(reader.read::<(EngineSettings, Own)>().unwrap_err().faults.len(), 2);
    let origin = |name: &str| {
        let found = reader.explained().iter().find(|explained| explained.setting.name == name).unwrap();
        (found.value.as_deref(), found.origin.clone())
    };
    assert_eq!(origin("TOP_K"), (Some("5"), Origin::Alias("COUNT".into())));
    assert_eq!(origin("DECLARED"), (Some("a"), Origin::Default));
    assert_eq!(origin("LAYERED"), (Some("b"), Origin::Engine));
    assert_eq!(origin("TWICE"), (Some("2"), Origin::Function));
    assert_eq!(origin("SEVEN"), (Some("7"), Origin::Function));
    assert_eq!(origin("NOTHING"), (None, Origin::Nothing));
    let of_file = Origin::File { variable: "FILE_FILE".into(), path: file.path().into() };
    assert_eq!(origin("FILE"), (Some("***"), of_file));
    assert_eq!(origin("PROXY_HOST"), (None, Origin::Nothing));
    assert_eq!(origin("MISSING"), (None, Origin::Nothing));
    assert_eq!(origin("WRONG"), (None, Origin::Variable("WRONG".into())));
    assert_eq!(origin("CHARIOT_ENGINE_PORT"), (Some("80"), Origin::Variable("CHARIOT_ENGINE_PORT".into())));
    assert_eq!(origin("CHARIOT_ENGINE_LOG_LEVEL"), (Some("warn"), Origin::Variable("LOG_LEVEL".into())));
    assert_eq!(reader.explained().len(), EngineSettings::schema().len() + Own::schema().len());

    let layered = reader.explained().iter().find(|explained| explained.setting.name == "LAYERED").unwrap();
    assert_eq!(layered.setting.default.as_deref(), Some("b"));
}

#[test]
fn within_a_scope_a_setting_is_explained_under_its_name_there() {
    let environment = Environment::from_iter([("CHARIOT_ENGINE_QUEUE_SIZE", "7")]);
    let mut reader = Reader::new(&environment).scoped("DIGITS_");
    reader.read::<EngineSettings>().unwrap();
    let name = "CHARIOT_ENGINE_DIGITS_QUEUE_SIZE";
    let queue = reader.explained().iter().find(|explained| explained.setting.name == name).unwrap();
    assert_eq!(queue.origin.to_string(), "CHARIOT_ENGINE_QUEUE_SIZE");
}
