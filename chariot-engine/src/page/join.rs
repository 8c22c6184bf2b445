//! The join of the source files into one document. The page is made of it.
//!
//! A module imports only modules before it, by lines of their own, and exports functions, constants and classes where it
//! declares them. Without these lines and words the modules are one script.

/// The frame of the document.
const FRAME: &str = include_str!("index.html");

/// The style.
const STYLE: &str = include_str!("style.css");

/// The name and the text of every module. A module imports only those before it.
const MODULES: &[(&str, &str)] = &[
    ("dom.js", include_str!("dom.js")),
    ("engine.js", include_str!("engine.js")),
    ("schema.js", include_str!("schema.js")),
    ("parameters.js", include_str!("parameters.js")),
    ("table.js", include_str!("table.js")),
    ("tensors.js", include_str!("tensors.js")),
    ("exif.js", include_str!("exif.js")),
    ("images.js", include_str!("images.js")),
    ("chat.js", include_str!("chat.js")),
    ("inputs.js", include_str!("inputs.js")),
    ("tree.js", include_str!("tree.js")),
    ("pictures.js", include_str!("pictures.js")),
    ("answers.js", include_str!("answers.js")),
    ("stream.js", include_str!("stream.js")),
    ("snippets.js", include_str!("snippets.js")),
    ("try.js", include_str!("try.js")),
    ("metrics.js", include_str!("metrics.js")),
    ("charts.js", include_str!("charts.js")),
    ("state.js", include_str!("state.js")),
    ("monitor.js", include_str!("monitor.js")),
    ("reference.js", include_str!("reference.js")),
    ("dev.js", include_str!("dev.js")),
    ("main.js", include_str!("main.js")),
];

/// The line of the frame that the style replaces.
const STYLE_HERE: &str = "<link rel=\"stylesheet\" href=\"style.css\">";

/// The line of the frame that the script replaces.
const SCRIPT_HERE: &str = "<script type=\"module\" src=\"main.js\"></script>";

/// The document, and the texts of its two blocks, whose hashes the policy names.
#[derive(Debug)]
pub(super) struct Joined {
    pub(super) html: String,
    pub(super) style: String,
    pub(super) script: String,
}

/// Joins the source files.
pub(super) fn joined() -> Joined {
    let script: String = MODULES.iter().map(|(_, text)| without_links(text)).collect();
    let html = FRAME
        .replace(STYLE_HERE, &format!("<style>{STYLE}</style>"))
        .replace(SCRIPT_HERE, &format!("<script type=\"module\">{script}</script>"));
    Joined { html, style: STYLE.into(), script }
}

/// Returns a module without its imports, its exports and its comments at the begin of a line.
fn without_links(module: &str) -> String {
    let lines = module.lines().filter(|line| !line.starts_with("import ") && !line.trim_start().starts_with("//"));
    lines.flat_map(|line| [line.strip_prefix("export ").unwrap_or(line), "\n"]).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::*;

    /// Returns the name that a line declares at the top level, and `true` if it is exported.
    fn declared(line: &str) -> Option<(&str, bool)> {
        let (line, is_exported) = line.strip_prefix("export ").map_or((line, false), |line| (line, true));
        let line = line.strip_prefix("async ").unwrap_or(line);
        let rest =
            ["function* ", "function ", "const ", "let ", "class "].iter().find_map(|word| line.strip_prefix(word))?;
        Some((rest.split(|c: char| !c.is_alphanumeric() && c != '_').next()?, is_exported))
    }

    #[test]
    fn a_module_imports_what_modules_before_it_export() {
        let mut exported: HashMap<&str, HashSet<&str>> = HashMap::new();
        for (module, text) in MODULES {
            for line in text.lines().filter(|line| line.starts_with("import ")) {
                let (names, from) =
                    line.strip_prefix("import { ").and_then(|line| line.split_once(" } from \"./")).expect(line);
                let from = from.strip_suffix("\";").expect(line);
                let known = exported.get(from).unwrap_or_else(|| panic!("{module}: {from} is not a module before it"));
                for name in names.split(", ") {
                    assert!(known.contains(name), "{module}: {from} does not export {name}");
                }
            }
            exported.insert(
                module,
                text.lines().filter_map(declared).filter(|(_, is)| *is).map(|(name, _)| name).collect(),
            );
        }
    }

    #[test]
    fn no_two_modules_declare_the_same_name() {
        let mut seen = HashMap::new();
        for (module, text) in MODULES {
            for (name, _) in text.lines().filter_map(declared) {
                if let Some(earlier) = seen.insert(name, module) {
                    panic!("{name} is declared in {earlier} and in {module}");
                }
            }
        }
    }

    #[test]
    fn every_module_of_the_folder_is_joined() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/page");
        let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut files: Vec<String> = files.filter(|name| name.ends_with(".js")).collect();
        let mut joined: Vec<&str> = MODULES.iter().map(|(name, _)| *name).collect();
        files.sort();
        joined.sort_unstable();
        assert_eq!(files, joined);
    }

    #[test]
    fn the_frame_has_a_place_for_both_blocks() {
        let joined = joined();
        assert!(joined.html.contains(&format!("<style>{}</style>", joined.style)));
        assert!(joined.html.contains(&joined.script) && !joined.html.contains("main.js"));
        // Either would end the block.
        assert!(!joined.script.contains("</script") && !joined.style.contains("</style"));
    }
}
