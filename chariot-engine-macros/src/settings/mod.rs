//! `#[derive(Settings)]`: a settings struct, or an enum as a choice of words.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::{
    Data, DeriveInput, Expr, ExprLit, ExprUnary, Fields, Ident, Lit, LitStr, RangeLimits, Type, UnOp, ext::IdentExt,
    spanned::Spanned,
};

mod choice;

use self::choice::{choice, choice_stub};
use crate::shared::{Errors, default_crate, for_stub, help, parse_attributes, parse_crate, respan};

/// What stands on the struct or the enum: `#[settings(...)]`.
struct Options {
    sdk: TokenStream,
    prefix: String,
    /// For the SDK alone, and so not listed: these are the runtime's own.
    runtime: bool,
}

pub(crate) fn derive(input: &DeriveInput) -> TokenStream {
    let mut errors = Errors::default();
    let options = options(input, &mut errors);
    if let Some(parameter) = input.generics.params.first() {
        errors.on(parameter, "settings have no parameters: they are read by name into one certain type");
    }
    let (expanded, is_choice) = match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) => (settings(input, fields, &options, &mut errors), false),
            _ => {
                errors.on(&input.ident, SHAPE);
                (TokenStream::new(), false)
            }
        },
        Data::Enum(data) => (choice(input, data, &options, &mut errors), true),
        Data::Union(_) => {
            errors.on(&input.ident, SHAPE);
            (TokenStream::new(), false)
        }
    };
    if errors.is_empty() {
        return expanded;
    }
    let input = &for_stub(input);
    let stub = if is_choice { choice_stub(input, &options.sdk) } else { settings_stub(input, &options.sdk) };
    let errors = errors.into_tokens();
    quote!(#errors #stub)
}

const SHAPE: &str = "`#[derive(Settings)]` needs a struct with named fields, or an enum without fields as a choice; \
                     for no settings at all write `type Settings = ();`";

fn options(input: &DeriveInput, errors: &mut Errors) -> Options {
    let mut options = Options { sdk: default_crate(), prefix: String::new(), runtime: false };
    parse_attributes(&input.attrs, "settings", errors, |key, errors| {
        match key.text().as_str() {
            "crate" => options.sdk = key.value(parse_crate)?,
            "prefix" => {
                let text: LitStr = key.value(|input| input.parse())?;
                options.prefix = text.value();
                if !is_variable(&options.prefix) {
                    errors.on(&text, "a prefix is made of letters, digits and `_`, and begins with no digit");
                }
            }
            "runtime" => options.runtime = true,
            _ => return Err(key.unknown(&["prefix", "crate"])),
        }
        Ok(())
    });
    options
}

/// What stands on a field: `#[setting(...)]`.
#[derive(Default)]
struct FieldOptions {
    default: Option<Expr>,
    range: Option<syn::ExprRange>,
    name: Option<LitStr>,
    with: Option<syn::Path>,
}

fn settings(input: &DeriveInput, fields: &syn::FieldsNamed, options: &Options, errors: &mut Errors) -> TokenStream {
    let Options { sdk, prefix, runtime } = options;
    let reader = Ident::new("reader", Span::mixed_site());
    let located = Ident::new("located", Span::mixed_site());
    let runtime = runtime.then(|| quote!(let __chariot_field = __chariot_field.runtime();));
    let (mut declared, mut schema, mut reads, mut members) = (vec![], vec![], vec![], vec![]);
    let mut names: Vec<String> = vec![];
    for (number, field) in fields.named.iter().enumerate() {
        let Some(ident) = &field.ident else { continue };
        let found = field_options(field, errors);
        check_default(&field.ty, &found, errors);

        let name = found.name.as_ref().map_or_else(|| ident.unraw().to_string().to_uppercase(), LitStr::value);
        let name = format!("{prefix}{name}");
        if names.contains(&name) {
            errors.on(ident, format!("two settings are read from `{name}`: give one another `name`"));
        }

        // What a `with` or a default names must be the author's, never ours.
        let function = format_ident!("__chariot_setting_{number}");
        let value = format_ident!("value_{number}", span = Span::mixed_site());
        let (ty, help) = (&field.ty, help(&field.attrs));
        let default = found.default.as_ref().map(|default| default_call(ty, default, sdk));
        let range = found.range.as_ref().map(|range| range_call(ty, range, sdk));
        // The type's own span, so that a type that no setting can have is the error's place.
        let here = respan(sdk, ty.span());
        let new = quote_spanned!(ty.span()=> #here::settings::Field::<#ty>::new(#name, #help));
        declared.push(quote! {
            fn #function() -> #sdk::settings::Field<#ty> {
                let __chariot_field = #new;
                #default
                #range
                #runtime
                __chariot_field
            }
        });
        schema.push(quote!(#function().spec()));
        reads.push(match &found.with {
            Some(with) => quote! {
                let #located = #reader.locate(#function());
                let #value: ::core::option::Option<#ty> = #with(#reader, #located);
            },
            None => quote!(let #value = #reader.field(#function());),
        });
        members.push(quote!(#ident: #value?));
        names.push(name);
    }
    let ident = &input.ident;
    // A struct without fields reads nothing.
    let unused = reads.is_empty().then(|| quote!(let _ = #reader;));
    quote! {
        const _: () = {
            #(#declared)*

            #[automatically_derived]
            impl #sdk::settings::Settings for #ident {
                fn schema() -> ::std::vec::Vec<#sdk::settings::SettingSpec> {
                    ::std::vec![#(#schema),*]
                }

                fn read(#reader: &mut #sdk::settings::Reader<'_>) -> ::core::option::Option<Self> {
                    #unused
                    #(#reads)*
                    ::core::option::Option::Some(#ident { #(#members),* })
                }
            }
        };
    }
}

fn field_options(field: &syn::Field, errors: &mut Errors) -> FieldOptions {
    let mut found = FieldOptions::default();
    parse_attributes(&field.attrs, "setting", errors, |key, errors| {
        match key.text().as_str() {
            "default" => found.default = Some(key.value(|input| input.parse())?),
            "range" => match key.value(|input| input.parse::<Expr>())? {
                Expr::Range(range) if is_closed(&range) => found.range = Some(range),
                other => errors.on(other, "a range is written `1..=10`, `1..` or `..=10`: both ends are included"),
            },
            "name" => {
                let name: LitStr = key.value(|input| input.parse())?;
                if !is_variable(&name.value()) {
                    errors.on(&name, "a variable is made of letters, digits and `_`, and begins with no digit");
                }
                found.name = Some(name);
            }
            "with" => found.with = Some(key.value(|input| input.parse())?),
            _ => return Err(key.unknown(&["default", "range", "name", "with"])),
        }
        Ok(())
    });
    found
}

fn is_variable(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.chars().all(|character| character.is_ascii_alphanumeric() || character == '_')
}

fn is_closed(range: &syn::ExprRange) -> bool {
    match (&range.limits, &range.start, &range.end) {
        (RangeLimits::Closed(_), _, Some(_)) => true,
        (RangeLimits::HalfOpen(_), start, None) => start.is_some(),
        _ => false,
    }
}

/// Text goes through the trait that only what is written as text implements, anything else as it stands.
fn default_call(ty: &Type, default: &Expr, sdk: &TokenStream) -> TokenStream {
    let span = default.span();
    match default {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => {
            let here = respan(sdk, span);
            let call = quote_spanned!(span=> #here::settings::Field::default_text(__chariot_field, #text));
            quote!(let __chariot_field = #call;)
        }
        // As an argument a wrong type would be reported with notes about the SDK's function.
        _ => quote!(let __chariot_field = __chariot_field.default({ let default: #ty = #default; default });),
    }
}

fn range_call(ty: &Type, range: &syn::ExprRange, sdk: &TokenStream) -> TokenStream {
    let here = respan(sdk, ty.span());
    let bound = quote_spanned!(ty.span()=> <#ty as #here::settings::Ranged>::Bound);
    let end = |end: &Option<Box<Expr>>| match end {
        // As with a default: as an argument a wrong type would be reported with notes about the SDK's function.
        Some(end) => quote!(::core::option::Option::Some({ let end: #bound = #end; end })),
        None => quote!(::core::option::Option::None),
    };
    let (from, to) = (end(&range.start), end(&range.end));
    let call = quote_spanned!(range.span()=> range);
    quote!(let __chariot_field = __chariot_field.#call(#from, #to);)
}

/// What can be seen without types: a literal outside a range of literals, and a default that no `Option` needs.
fn check_default(ty: &Type, found: &FieldOptions, errors: &mut Errors) {
    if let Some(FieldRange { from: Some(from), to: Some(to) }) = found.range.as_ref().map(FieldRange::of)
        && from > to
    {
        errors.on(&found.range, "the range is empty");
    }
    let Some(default) = &found.default else { return };
    if is_option(ty) && matches!(default, Expr::Lit(_) | Expr::Unary(_)) {
        errors.on(default, "an `Option` that is not set is `None`: drop the default, or the `Option`");
    }
    let Some((value, range)) = number(default).zip(found.range.as_ref()) else { return };
    let FieldRange { from, to } = FieldRange::of(range);
    if from.is_some_and(|from| value < from) || to.is_some_and(|to| value > to) {
        errors.on(default, format!("the default is outside the range `{}`", written(range)));
    }
}

struct FieldRange {
    from: Option<f64>,
    to: Option<f64>,
}

impl FieldRange {
    fn of(range: &syn::ExprRange) -> Self {
        let end = |end: &Option<Box<Expr>>| end.as_deref().and_then(number);
        FieldRange { from: end(&range.start), to: end(&range.end) }
    }
}

/// A literal's number. Integers beyond 2^53 lose their last digits, which matters to no check here.
fn number(expr: &Expr) -> Option<f64> {
    match expr {
        Expr::Lit(ExprLit { lit: Lit::Int(int), .. }) => int.base10_parse().ok(),
        Expr::Lit(ExprLit { lit: Lit::Float(float), .. }) => float.base10_parse().ok(),
        Expr::Unary(ExprUnary { op: UnOp::Neg(_), expr, .. }) => number(expr).map(|value| -value),
        _ => None,
    }
}

fn written(range: &syn::ExprRange) -> String {
    range.to_token_stream().to_string().replace(' ', "")
}

fn is_option(ty: &Type) -> bool {
    let Type::Path(path) = ty else { return false };
    path.path.segments.last().is_some_and(|last| last.ident == "Option" && !last.arguments.is_empty())
}

/// Stands beside errors, so that nothing else is reported than they.
fn settings_stub(input: &DeriveInput, sdk: &TokenStream) -> TokenStream {
    let (ident, (generics, arguments, conditions)) = (&input.ident, input.generics.split_for_impl());
    quote! {
        impl #generics #sdk::settings::Settings for #ident #arguments #conditions {
            fn schema() -> ::std::vec::Vec<#sdk::settings::SettingSpec> {
                ::std::vec::Vec::new()
            }

            fn read(_: &mut #sdk::settings::Reader<'_>) -> ::core::option::Option<Self> {
                ::core::option::Option::None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expand(input: DeriveInput) -> String {
        derive(&input).to_string()
    }

    #[test]
    fn every_fault_is_one_error_and_a_stub_stands_beside_them() {
        let expanded = expand(syn::parse_quote! {
            struct Own {
                #[setting(default = 11, range = 1..=10)]
                a: usize,
                #[setting(defualt = 1)]
                b: usize,
                #[setting(default = 1, default = 2)]
                c: usize,
                #[setting(name = "A", range = 1..2)]
                d: usize,
            }
        });
        assert_eq!(expanded.matches("compile_error").count(), 5, "{expanded}");
        for text in [
            "the default is outside the range `1..=10`",
            "unknown key `defualt`; did you mean `default`?",
            "`default` is given twice",
            "two settings are read from `A`",
            "a range is written `1..=10`",
        ] {
            assert!(expanded.contains(text), "{text}: {expanded}");
        }
        assert_eq!(expanded.matches("Settings for Own").count(), 1, "{expanded}");
    }

    #[test]
    fn only_a_struct_with_named_fields_or_an_enum_is_taken() {
        for input in ["struct A(u8);", "struct A;", "union A { a: u8 }", "struct A<T> { t: T }", "enum A {}"] {
            let expanded = expand(syn::parse_str(input).unwrap());
            assert_eq!(expanded.matches("compile_error").count(), 1, "{input}: {expanded}");
        }
    }
}
