//! The wording of documentation and messages, as far as a program can check it: documentation opens with a verb or a noun
//! phrase and not with a fragment of a clause, and messages say `expected X, got Y`.
//!
//! The checker's own tests need the words that it rejects, so this file is not checked.

use std::{
    fs,
    path::{Path, PathBuf},
    str::FromStr,
};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// Folders whose Rust sources are checked.
const FOLDERS: [&str; 9] = [
    "benches",
    "chariot-engine",
    "chariot-engine-macros",
    "chariot-onnx",
    "deploy",
    "examples",
    "fuzz",
    "templates",
    "tests",
];

/// Folders whose Rust sources may not contain the rejected phrases anywhere, comments included.
const SDK: [&str; 2] = ["chariot-engine", "chariot-engine-macros"];

/// First words of fragments such as "What the caller is told."
const FRAGMENTS: [&str; 7] = ["How", "Of", "So", "That", "What", "Where", "Whether"];

/// Openings that begin with such a word and are no fragments.
const ALLOWED_OPENINGS: [&str; 2] = ["How to ", "Where possible, "];

#[test]
fn documentation_opens_with_a_verb_or_a_noun() {
    assert_none("open with a verb or a noun phrase", rust_files(&FOLDERS), documentation_faults);
}

#[test]
fn messages_say_what_is_expected_and_what_they_got() {
    assert_none("write `expected X, got Y`", rust_files(&FOLDERS), literal_faults);
}

#[test]
fn the_sdk_has_no_rejected_phrase_anywhere() {
    assert_none("write `expected X, got Y`", rust_files(&SDK), line_faults);
}

#[test]
fn pages_and_expected_messages_have_no_rejected_phrase() {
    let files = files(&[""], &["md", "stderr", "snap"]);
    assert_none("write `expected X, got Y`", files, line_faults);
}

/// A place and what stands there.
type Fault = (usize, String);

/// Fails with every fault of these files.
#[track_caller]
fn assert_none(advice: &str, files: Vec<PathBuf>, faults: fn(&str) -> Vec<Fault>) {
    assert!(!files.is_empty(), "no files to check");
    let mut found = Vec::new();
    for file in files {
        let text = fs::read_to_string(root().join(&file)).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        for (line, text) in faults(&text) {
            let text: String = text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(160).collect();
            found.push(format!("{}:{line}: {text}", file.display()));
        }
    }
    assert!(found.is_empty(), "{} places to reword; {advice}:\n{}\n", found.len(), found.join("\n"));
}

/// Finds doc comments whose first sentence opens with a fragment, in macros too.
fn documentation_faults(source: &str) -> Vec<Fault> {
    let mut faults = Vec::new();
    each_doc_comment(tokens(source), &mut |line, text| {
        let first = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
        if opens_with_fragment(first) {
            faults.push((line, first.to_string()));
        }
    });
    faults
}

fn opens_with_fragment(sentence: &str) -> bool {
    let word = sentence.split(|letter: char| !letter.is_alphanumeric() && letter != '\'').next().unwrap_or_default();
    FRAGMENTS.contains(&word) && !ALLOWED_OPENINGS.iter().any(|opening| sentence.starts_with(opening))
}

/// Calls a function with the first line and the text of every doc comment. Consecutive `///` lines are one comment.
fn each_doc_comment(tokens: TokenStream, found: &mut dyn FnMut(usize, &str)) {
    let mut comment: Option<(usize, String)> = None;
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        if let TokenTree::Punct(punct) = &token
            && (punct.as_char() == '#' || punct.as_char() == '!')
        {
            if let Some(TokenTree::Group(group)) = tokens.peek()
                && group.delimiter() == Delimiter::Bracket
                && let Some((line, text)) = doc_line(group.stream())
            {
                let (_, whole) = comment.get_or_insert((line, String::new()));
                whole.push_str(&text);
                whole.push('\n');
                tokens.next();
            }
            continue;
        }
        if let Some((line, text)) = comment.take() {
            found(line, &text);
        }
        if let TokenTree::Group(group) = token {
            each_doc_comment(group.stream(), found);
        }
    }
    if let Some((line, text)) = comment {
        found(line, &text);
    }
}

/// The text of `doc = "..."`, which is what a doc comment is to a macro.
fn doc_line(attribute: TokenStream) -> Option<(usize, String)> {
    let tokens: Vec<_> = attribute.into_iter().collect();
    match &tokens[..] {
        [TokenTree::Ident(name), TokenTree::Punct(_), TokenTree::Literal(text)] if name == "doc" => {
            Some((text.span().start().line, string_value(text)?))
        }
        _ => None,
    }
}

/// Finds string literals with a rejected phrase, documentation included.
fn literal_faults(source: &str) -> Vec<Fault> {
    fn search(tokens: TokenStream, faults: &mut Vec<Fault>) {
        for token in tokens {
            match token {
                TokenTree::Group(group) => search(group.stream(), faults),
                TokenTree::Literal(literal) => {
                    let found = string_value(&literal).filter(|text| has_rejected_phrase(text));
                    faults.extend(found.map(|text| (literal.span().start().line, text.trim().to_string())));
                }
                _ => {}
            }
        }
    }
    let mut faults = Vec::new();
    search(tokens(source), &mut faults);
    faults
}

/// Finds lines with a rejected phrase.
fn line_faults(text: &str) -> Vec<Fault> {
    let lines = text.lines().enumerate().filter(|(_, line)| has_rejected_phrase(line));
    lines.map(|(index, line)| (index + 1, line.trim().to_string())).collect()
}

fn string_value(literal: &proc_macro2::Literal) -> Option<String> {
    match syn::Lit::new(literal.clone()) {
        syn::Lit::Str(text) => Some(text.value()),
        syn::Lit::ByteStr(bytes) => String::from_utf8(bytes.value()).ok(),
        _ => None,
    }
}

/// Returns `true` for "is expected", and for "came" as a word that follows another.
fn has_rejected_phrase(text: &str) -> bool {
    let is_word = |letter: char| letter.is_alphanumeric() || letter == '_';
    let ends_word = |rest: &str| !rest.starts_with(is_word);
    let has = |phrase: &str| text.match_indices(phrase).any(|(at, _)| ends_word(&text[at + phrase.len()..]));
    has("is expected") || has(" came")
}

#[track_caller]
fn tokens(source: &str) -> TokenStream {
    TokenStream::from_str(source).expect("a Rust source file")
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the root of the repository")
}

fn rust_files(folders: &[&str]) -> Vec<PathBuf> {
    let mut files = files(folders, &["rs"]);
    files.retain(|file| !file.ends_with("tests/ui/tests/ui/words.rs"));
    files
}

/// The files with these extensions in folders of the repository, without build outputs and hidden folders.
fn files(folders: &[&str], extensions: &[&str]) -> Vec<PathBuf> {
    let root = root();
    let mut folders: Vec<_> = folders.iter().map(|folder| root.join(folder)).collect();
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let path = entry.expect("the folder can be read").path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if path.is_dir() {
                if !name.starts_with('.') && !["target", "node_modules", "__pycache__"].contains(&name) {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|found| extensions.iter().any(|extension| found == *extension)) {
                files.push(path.strip_prefix(&root).expect("a path in the repository").to_path_buf());
            }
        }
    }
    files.sort();
    files
}

mod checker {
    //! The checker itself, on small sources made up for it.

    use super::{documentation_faults, has_rejected_phrase, line_faults, literal_faults};

    fn lines(faults: Vec<(usize, String)>) -> Vec<usize> {
        faults.into_iter().map(|(line, _)| line).collect()
    }

    #[test]
    fn fragments_that_open_documentation_are_found() {
        let source = "//! What a module is.\n\n/// Returns one.\n/// What follows is free.\nfn a() {}\n\
                      /// Whether it is set.\n#[inline]\nfn b() {\n}\nstruct S {\n    /// Of the device.\n    field: u8,\n}\n\
                      macro_rules! m { () => {\n/** So it goes. */\n} }\n#[doc = \"Where it is.\"]\nconst A: u8 = 1;";
        assert_eq!(lines(documentation_faults(source)), [1, 6, 11, 15, 17]);
    }

    #[test]
    fn other_openings_are_free() {
        let free = "/// Whatever is left.\n/// So.\nfn a() {}\n/// How to start an engine.\nfn b() {}\n// What a comment says.\n\
                    #[doc = include_str!(\"What.md\")]\nfn c() {}\n/// [`What`] is a type.\nfn d() {}";
        assert_eq!(documentation_faults(free), []);
    }

    #[test]
    fn a_comment_that_begins_with_an_empty_line_is_found() {
        let found = documentation_faults("///\n/// That which follows.\nfn a() {}");
        assert_eq!(found, [(1, "That which follows.".to_string())]);
    }

    #[test]
    fn phrases_in_literals_are_found() {
        let source = "fn a() {\n    reject!(\"a number is expected\");\n    let b = format!(\"'{x}' came\");\n    \
                      let c = r#\"nothing came, ever\"#;\n    // none came\n    let is_expected = \"expected\";\n}\n\
                      /// Unless it came.\nfn d() {}";
        assert_eq!(lines(literal_faults(source)), [2, 3, 4, 8]);
        assert_eq!(lines(line_faults(source)), [2, 3, 4, 5, 8]);
    }

    #[test]
    fn phrases_end_with_a_word() {
        for rejected in ["x is expected", "is expected, none came", "it came.", "'a' came"] {
            assert!(has_rejected_phrase(rejected), "{rejected}");
        }
        for free in ["expected x, got y", "a camera", "is expectedly", "became", "camera came_from"] {
            assert!(!has_rejected_phrase(free), "{free}");
        }
    }
}
