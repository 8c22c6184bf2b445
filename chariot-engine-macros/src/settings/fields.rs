//! The fields of a struct with `#[derive(Settings)]`: their declarations, the schema, and the reading.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::{DeriveInput, Expr, ExprArray, Ident, LitStr, Type, ext::IdentExt, spanned::Spanned};

use super::{
    check::check,
    field::{FieldOptions, Group, field_options, text},
    options::Options,
};
use crate::shared::{Errors, help, respan};

pub(super) fn settings(
    input: &DeriveInput,
    fields: &syn::FieldsNamed,
    options: &Options,
    errors: &mut Errors,
) -> TokenStream {
    let Options { sdk, prefix, .. } = options;
    let reader = Ident::new("reader", Span::mixed_site());
    let schema = Ident::new("schema", Span::mixed_site());
    let (mut declared, mut specs, mut reads, mut members) = (vec![], vec![], vec![], vec![]);
    let mut names: Vec<String> = vec![];
    for (number, field) in fields.named.iter().enumerate() {
        let Some(ident) = &field.ident else { continue };
        let found = field_options(field, options.runtime, errors);
        check(&field.ty, &found, errors);
        let ty = &field.ty;
        // Names in a `with` or a default must refer to the author's items, never to generated ones.
        let function = format_ident!("__chariot_setting_{number}");
        let value = format_ident!("value_{number}", span = Span::mixed_site());
        members.push(quote!(#ident: #value?));
        let in_capitals = ident.unraw().to_string().to_uppercase();

        if let Some(group) = &found.group {
            let prefix = match group {
                Group::ByField => format!("{prefix}{in_capitals}_"),
                Group::Prefix(given) => format!("{prefix}{}", given.value()),
            };
            // The type's own span, so that the error for a type that is not a settings type points to it.
            let here = respan(sdk, ty.span());
            let new = quote_spanned!(ty.span()=> #here::settings::__Group::<#ty>::new(#prefix));
            declared.push(quote!(fn #function() -> #sdk::settings::__Group<#ty> { #new }));
            specs.push(quote!(#schema.append(&mut #function().schema());));
            reads.push(quote!(let #value = #function().read(#reader);));
            continue;
        }

        let name = format!("{prefix}{}", found.name.as_ref().map_or(in_capitals, LitStr::value));
        if names.contains(&name) {
            errors.on(ident, format!("two settings are read from `{name}`; set `name` on one of them"));
        }
        names.push(name.clone());
        for alias in &found.aliases {
            let old = format!("{prefix}{}", alias.value());
            if names.contains(&old) {
                errors.on(alias, format!("`{old}` is already in use; an alias belongs to one setting"));
            }
            names.push(old);
        }
        if options.runtime && found.runtime.is_none() {
            errors.on(ident, "expected `#[setting(runtime = ...)]` on a setting of the runtime");
        }
        let declaration = declaration(field, &name, &found, options);
        declared.push(quote!(fn #function() -> #sdk::settings::Field<#ty> { #declaration }));
        specs.push(quote!(#schema.push(#function().spec());));
        reads.push(match &found.with {
            // Called here and not by the SDK, so that the error for a wrong function points to it.
            Some(with) => {
                let span = Span::mixed_site().located_at(with.span());
                let (of, field) = (Ident::new("reader", span), Ident::new("field", span));
                let call = quote_spanned!(span=> #with(#of, #field));
                quote! {
                    let #value: ::core::option::Option<#ty> = #reader.with(#function(), |#of, #field| #call);
                }
            }
            None => quote!(let #value = #reader.field(#function());),
        });
    }
    let ident = &input.ident;
    // A struct without fields does not use the reader.
    let unused = reads.is_empty().then(|| quote!(let _ = #reader;));
    let mutable = (!specs.is_empty()).then(|| quote!(mut));
    quote! {
        const _: () = {
            #(#declared)*

            #[automatically_derived]
            impl #sdk::settings::Settings for #ident {
                fn schema() -> ::std::vec::Vec<#sdk::settings::SettingSpec> {
                    let #mutable #schema = ::std::vec::Vec::new();
                    #(#specs)*
                    #schema
                }

                fn from_reader(#reader: &mut #sdk::settings::Reader<'_>) -> ::core::option::Option<Self> {
                    #unused
                    #(#reads)*
                    ::core::option::Option::Some(#ident { #(#members),* })
                }
            }
        };
    }
}

/// Returns the body of the function that declares a field.
fn declaration(field: &syn::Field, name: &str, found: &FieldOptions, options: &Options) -> TokenStream {
    let sdk = &options.sdk;
    let (ty, help) = (&field.ty, help(&field.attrs));
    // The type's own span, so that the error for a type that cannot be a setting points to it.
    let here = respan(sdk, ty.span());
    let new = quote_spanned!(ty.span()=> #here::settings::Field::<#ty>::new(#name, #help));
    let default = found.default.as_ref().map(|default| default_call(ty, default, sdk));
    let range = found.range.as_ref().map(|range| range_call(ty, range, sdk));
    let values = found.values.as_ref().map(|values| values_call(ty, values, sdk));
    let prefix = &options.prefix;
    let aliases = found.aliases.iter().map(|alias| {
        let alias = format!("{prefix}{}", alias.value());
        quote!(let __chariot_field = __chariot_field.alias(#alias);)
    });
    let deprecated =
        found.deprecated.as_ref().map(|why| quote!(let __chariot_field = __chariot_field.deprecated(#why);));
    let runtime = found.runtime.as_ref().map(|row| quote!(let __chariot_field = __chariot_field.runtime(#row);));
    quote! {
        let __chariot_field = #new;
        #default
        #range
        #values
        #(#aliases)*
        #deprecated
        #runtime
        __chariot_field
    }
}

/// Returns the call that sets a default. Text requires the trait of types that are written as text; any other expression is
/// used as it is.
fn default_call(ty: &Type, default: &Expr, sdk: &TokenStream) -> TokenStream {
    match text(default) {
        Some(text) => {
            let here = respan(sdk, default.span());
            let call = quote_spanned!(default.span()=> #here::settings::Field::default_text(__chariot_field, #text));
            quote!(let __chariot_field = #call;)
        }
        // As a plain argument, a wrong type would be reported with notes about the SDK's function.
        None => quote!(let __chariot_field = __chariot_field.default({ let default: #ty = #default; default });),
    }
}

fn range_call(ty: &Type, range: &syn::ExprRange, sdk: &TokenStream) -> TokenStream {
    let bound = bound(ty, sdk);
    let end = |end: &Option<Box<Expr>>| match end {
        // As with a default: as a plain argument, a wrong type would be reported with notes about the SDK's function.
        Some(end) => quote!(::core::option::Option::Some({ let end: #bound = #end; end })),
        None => quote!(::core::option::Option::None),
    };
    let (from, to) = (end(&range.start), end(&range.end));
    let call = quote_spanned!(range.span()=> range);
    quote!(let __chariot_field = __chariot_field.#call(#from, #to);)
}

/// Returns the call that sets the accepted values. As with a default, text has a function of its own.
fn values_call(ty: &Type, values: &ExprArray, sdk: &TokenStream) -> TokenStream {
    let span = values.elems.first().map_or_else(Span::call_site, Spanned::span);
    if values.elems.iter().all(|value| text(value).is_some()) {
        let here = respan(sdk, span);
        let call = quote_spanned!(span=> #here::settings::Field::values_text(__chariot_field, &#values));
        return quote!(let __chariot_field = #call;);
    }
    let (bound, count) = (bound(ty, sdk), values.elems.len());
    let call = quote_spanned!(span=> values);
    quote!(let __chariot_field = __chariot_field.#call({ let values: [#bound; #count] = #values; values });)
}

fn bound(ty: &Type, sdk: &TokenStream) -> TokenStream {
    let here = respan(sdk, ty.span());
    quote_spanned!(ty.span()=> <#ty as #here::settings::Ranged>::Bound)
}
