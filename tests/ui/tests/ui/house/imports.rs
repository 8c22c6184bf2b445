//! Which file refers to which: every path of a module, resolved through imports and re-exports to the file that defines
//! what it names.

use std::collections::BTreeSet;

use super::sources::{Files, Module, PathInCode, modules};

/// One file's reference to something that another file defines.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Import {
    pub(super) from: String,
    pub(super) line: usize,
    /// The path as written.
    pub(super) path: String,
    pub(super) to: String,
    /// Set if the path names the module itself and nothing in it.
    pub(super) of_module: bool,
    /// Set if it stands in a `pub use`.
    pub(super) reexport: bool,
}

/// The target of a path.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Target {
    module: usize,
    is_module: bool,
}

/// Finds all imports between the files of a crate, in order.
pub(super) fn imports(files: &Files) -> BTreeSet<Import> {
    let modules = modules(files);
    let tree = Tree { modules: &modules };
    let mut found = BTreeSet::new();
    for (index, module) in modules.iter().enumerate() {
        let mut add = |path: &PathInCode, reexport: bool| {
            for target in tree.resolve(index, &path.segments, 0) {
                let to = &modules[target.module].file;
                if *to != module.file {
                    found.insert(Import {
                        from: module.file.clone(),
                        line: path.line,
                        path: path.segments.join("::"),
                        to: to.clone(),
                        of_module: target.is_module,
                        reexport,
                    });
                }
            }
        };
        for binding in &module.bindings {
            add(&binding.path, binding.reexport);
        }
        for path in &module.paths {
            // A single name refers to another file only through a `use`, which is counted itself unless it re-exports.
            let [name] = &path.segments[..] else {
                add(path, false);
                continue;
            };
            let reexported = |binding: &&_| is_reexport_of(binding, name);
            for binding in module.bindings.iter().filter(reexported) {
                let path = PathInCode { segments: binding.path.segments.clone(), line: path.line };
                add(&path, false);
            }
        }
    }
    found
}

fn is_reexport_of(binding: &super::sources::Binding, name: &str) -> bool {
    binding.reexport && binding.name.as_deref() == Some(name)
}

struct Tree<'a> {
    modules: &'a [Module],
}

impl Tree<'_> {
    /// Resolves a path that stands in a module. It leads to several targets if a name is bound more than once, and to
    /// none if it leaves the crate.
    fn resolve(&self, module: usize, segments: &[String], depth: usize) -> BTreeSet<Target> {
        // Globs can import each other in a circle.
        if depth > 16 {
            return BTreeSet::new();
        }
        let Some((first, rest)) = segments.split_first() else {
            return BTreeSet::from([Target { module, is_module: true }]);
        };
        match first.as_str() {
            "crate" => self.descend(0, rest, depth),
            "self" => self.descend(module, rest, depth),
            "super" => match self.modules[module].parent {
                // `super::super` stands in one path.
                Some(parent) => self.resolve_super(parent, rest, depth),
                None => BTreeSet::new(),
            },
            "chariot_engine" if !self.modules[module].children.contains_key(first) => self.descend(0, rest, depth),
            _ => self.lookup(module, first, rest, depth),
        }
    }

    fn resolve_super(&self, parent: usize, rest: &[String], depth: usize) -> BTreeSet<Target> {
        match (rest.first().map(String::as_str), self.modules[parent].parent) {
            (Some("super"), Some(grandparent)) => self.resolve_super(grandparent, &rest[1..], depth),
            _ => self.descend(parent, rest, depth),
        }
    }

    /// Resolves the rest of a path within a module. A name that is not found, such as one that a macro defines, counts
    /// as the module's own.
    fn descend(&self, module: usize, segments: &[String], depth: usize) -> BTreeSet<Target> {
        let Some((first, rest)) = segments.split_first() else {
            return BTreeSet::from([Target { module, is_module: true }]);
        };
        let found = self.lookup(module, first, rest, depth);
        if found.is_empty() { BTreeSet::from([Target { module, is_module: false }]) } else { found }
    }

    /// Looks a name up in a module: its child modules, its items, its imports.
    fn lookup(&self, module: usize, name: &str, rest: &[String], depth: usize) -> BTreeSet<Target> {
        let here = &self.modules[module];
        if let Some(child) = here.children.get(name) {
            return self.descend(*child, rest, depth + 1);
        }
        if here.items.contains(name) {
            return BTreeSet::from([Target { module, is_module: false }]);
        }
        let mut found = BTreeSet::new();
        for binding in &here.bindings {
            // A `use` of a name that the same path would resolve to must not be followed for ever.
            let path = &binding.path.segments;
            match &binding.name {
                Some(bound) if bound == name && path.first() != Some(bound) => {
                    let path: Vec<String> = path.iter().chain(rest).cloned().collect();
                    found.extend(self.resolve(module, &path, depth + 1));
                }
                _ => {}
            }
        }
        if found.is_empty() {
            for binding in here.bindings.iter().filter(|binding| binding.name.is_none()) {
                for target in self.resolve(module, &binding.path.segments, depth + 1) {
                    if target.is_module && target.module != module {
                        found.extend(self.lookup(target.module, name, rest, depth + 1));
                    }
                }
            }
        }
        found
    }
}
