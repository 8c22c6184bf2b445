//! The module tree of a crate, read from its source files: what each module defines, binds and refers to.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{TokenStream, TokenTree};
use syn::{
    Attribute, Item, Meta, Token, UseTree,
    punctuated::Punctuated,
    spanned::Spanned,
    visit::{self, Visit},
};

/// The source files of a crate by their paths in `src`, with `/` as the separator.
pub(super) type Files = BTreeMap<String, String>;

/// A module, declared inline or in a file of its own.
#[derive(Default)]
pub(super) struct Module {
    /// The file that holds the module's code.
    pub(super) file: String,
    /// The enclosing module; `None` for the crate's root.
    pub(super) parent: Option<usize>,
    /// The modules declared in this one.
    pub(super) children: BTreeMap<String, usize>,
    /// The names of the items defined in this module.
    pub(super) items: BTreeSet<String>,
    /// The names that `use` declarations bring in.
    pub(super) bindings: Vec<Binding>,
    /// The paths that stand in the module's code, outside `use` declarations.
    pub(super) paths: Vec<PathInCode>,
}

/// One name of a `use` declaration.
pub(super) struct Binding {
    /// The name that is bound; `None` for a glob import.
    pub(super) name: Option<String>,
    pub(super) path: PathInCode,
    /// Set for `pub use` in all its forms.
    pub(super) reexport: bool,
}

/// A path as it is written in a file.
#[derive(Clone)]
pub(super) struct PathInCode {
    pub(super) segments: Vec<String>,
    pub(super) line: usize,
}

/// Reads the modules that `lib.rs` declares, directly or indirectly. Code under `#[cfg(test)]` is left out.
pub(super) fn modules(files: &Files) -> Vec<Module> {
    let mut modules = Vec::new();
    load_file(&mut modules, files, "lib.rs", None);
    modules
}

fn load_file(modules: &mut Vec<Module>, files: &Files, file: &str, parent: Option<usize>) -> usize {
    let text = files.get(file).unwrap_or_else(|| panic!("no source file {file}"));
    let parsed = syn::parse_file(text).unwrap_or_else(|error| panic!("{file}:{}: {error}", error.span().start().line));
    let module = modules.len();
    modules.push(Module { file: file.to_string(), parent, ..Module::default() });
    let (folder, name) = file.rsplit_once('/').unwrap_or(("", file));
    let folder = match name {
        "lib.rs" | "mod.rs" => folder.to_string(),
        _ => join(folder, name.trim_end_matches(".rs")),
    };
    load_items(modules, files, module, &folder, parsed.items);
    module
}

/// Adds items to a module whose child modules have their files in this folder.
fn load_items(modules: &mut Vec<Module>, files: &Files, module: usize, folder: &str, items: Vec<Item>) {
    for item in items {
        if is_test_only(attributes(&item)) {
            continue;
        }
        if let Some(name) = defined_name(&item) {
            modules[module].items.insert(name);
        }
        match item {
            Item::Mod(declaration) => {
                let name = declaration.ident.to_string();
                let child = if let Some((_, items)) = declaration.content {
                    let child = modules.len();
                    let file = modules[module].file.clone();
                    modules.push(Module { file, parent: Some(module), ..Module::default() });
                    load_items(modules, files, child, &join(folder, &name), items);
                    child
                } else {
                    let file = file_of(files, &modules[module].file, folder, &name, &declaration.attrs);
                    load_file(modules, files, &file, Some(module))
                };
                modules[module].children.insert(name, child);
            }
            item => Collector { module: &mut modules[module] }.visit_item(&item),
        }
    }
}

/// The file of a module that is declared without a body.
fn file_of(files: &Files, declared_in: &str, folder: &str, name: &str, attributes: &[Attribute]) -> String {
    for attribute in attributes {
        if let Meta::NameValue(meta) = &attribute.meta
            && meta.path.is_ident("path")
            && let syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(path), .. }) = &meta.value
        {
            return join(declared_in.rsplit_once('/').map_or("", |(folder, _)| folder), &path.value());
        }
    }
    let candidates = [join(folder, &format!("{name}.rs")), join(folder, &format!("{name}/mod.rs"))];
    let found = candidates.iter().find(|file| files.contains_key(*file));
    found.unwrap_or_else(|| panic!("{declared_in}: no file for module `{name}`")).clone()
}

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_string() } else { format!("{folder}/{name}") }
}

/// Collects the names that `use` declarations bind, and all paths in code.
struct Collector<'a> {
    module: &'a mut Module,
}

impl Collector<'_> {
    fn bind(&mut self, tree: &UseTree, prefix: &[String], reexport: bool) {
        let mut add = |name: Option<String>, segments: Vec<String>| {
            let path = PathInCode { segments, line: tree.span().start().line };
            self.module.bindings.push(Binding { name, path, reexport });
        };
        let with = |name: String| prefix.iter().cloned().chain([name]).collect::<Vec<_>>();
        match tree {
            UseTree::Path(path) => self.bind(&path.tree, &with(path.ident.to_string()), reexport),
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.bind(tree, prefix, reexport);
                }
            }
            UseTree::Glob(_) => add(None, prefix.to_vec()),
            UseTree::Name(name) if name.ident == "self" => add(prefix.last().cloned(), prefix.to_vec()),
            UseTree::Name(name) => add(Some(name.ident.to_string()), with(name.ident.to_string())),
            UseTree::Rename(rename) => {
                let path = if rename.ident == "self" { prefix.to_vec() } else { with(rename.ident.to_string()) };
                add(Some(rename.rename.to_string()), path);
            }
        }
    }

    /// Finds paths of at least two segments in the tokens of a macro.
    fn scan(&mut self, tokens: TokenStream) {
        let mut segments: Vec<String> = Vec::new();
        let (mut line, mut colons) = (0, 0);
        for token in tokens {
            match &token {
                TokenTree::Ident(ident) if colons == 2 && !segments.is_empty() => segments.push(ident.to_string()),
                TokenTree::Ident(ident) => {
                    self.end_of_path(&mut segments, line);
                    line = ident.span().start().line;
                    // After `::` at the start of a path stands the name of another crate.
                    if colons == 0 {
                        segments.push(ident.to_string());
                    }
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => {
                    colons += 1;
                    continue;
                }
                TokenTree::Group(group) => {
                    self.end_of_path(&mut segments, line);
                    self.scan(group.stream());
                }
                _ => self.end_of_path(&mut segments, line),
            }
            colons = 0;
        }
        self.end_of_path(&mut segments, line);
    }

    fn end_of_path(&mut self, segments: &mut Vec<String>, line: usize) {
        let segments = std::mem::take(segments);
        if segments.len() > 1 {
            self.module.paths.push(PathInCode { segments, line });
        }
    }
}

impl<'ast> Visit<'ast> for Collector<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        if !is_test_only(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        if !is_test_only(&function.attrs) {
            visit::visit_impl_item_fn(self, function);
        }
    }

    fn visit_field(&mut self, field: &'ast syn::Field) {
        if !is_test_only(&field.attrs) {
            visit::visit_field(self, field);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        if item.leading_colon.is_none() {
            self.bind(&item.tree, &[], !matches!(item.vis, syn::Visibility::Inherited));
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.leading_colon.is_none() {
            let segments = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
            self.module.paths.push(PathInCode { segments, line: path.span().start().line });
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, called: &'ast syn::Macro) {
        self.visit_path(&called.path);
        self.scan(called.tokens.clone());
    }

    /// Attributes hold no dependencies on modules; documentation is one of them.
    fn visit_attribute(&mut self, _: &'ast Attribute) {}
}

/// The attributes of an item.
fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::ExternCrate(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// The name that an item defines in its module.
fn defined_name(item: &Item) -> Option<String> {
    let name = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        _ => return None,
    };
    Some(name.to_string())
}

/// Returns `true` if code with these attributes is compiled for tests only.
fn is_test_only(attributes: &[Attribute]) -> bool {
    fn requires_test(predicate: &Meta) -> bool {
        match predicate {
            Meta::Path(path) => path.is_ident("test"),
            Meta::List(list) if list.path.is_ident("all") => list
                .parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated)
                .is_ok_and(|all| all.iter().any(requires_test)),
            _ => false,
        }
    }
    attributes.iter().any(|attribute| match &attribute.meta {
        Meta::Path(path) => path.is_ident("test"),
        Meta::List(list) if list.path.is_ident("cfg") => {
            list.parse_args::<Meta>().is_ok_and(|predicate| requires_test(&predicate))
        }
        _ => false,
    })
}
