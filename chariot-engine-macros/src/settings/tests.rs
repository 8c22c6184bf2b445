//! Faults of declarations, and the stubs beside their errors.

use super::*;

fn expand(input: syn::DeriveInput) -> String {
    derive(&input).to_string()
}

#[test]
fn every_fault_is_one_error_with_one_stub_beside_them() {
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
            #[setting(runtime = PROCESS)]
            e: usize,
        }
    });
    assert_eq!(expanded.matches("compile_error").count(), 6, "{expanded}");
    for text in ["`1..=10`", "`defualt`", "key `default`", "`A`", "`runtime`"] {
        assert!(expanded.contains(text), "{text}: {expanded}");
    }
    assert_eq!(expanded.matches("Settings for Own").count(), 1, "{expanded}");
}

#[test]
fn only_a_struct_with_named_fields_is_a_settings_type() {
    for input in ["struct A(u8);", "struct A;", "union A { a: u8 }", "struct A<T> { t: T }", "enum A { B }"] {
        let expanded = expand(syn::parse_str(input).unwrap());
        assert_eq!(expanded.matches("compile_error").count(), 1, "{input}: {expanded}");
    }
}

#[test]
fn only_an_enum_without_fields_is_a_choice() {
    for input in ["struct A { a: u8 }", "union A { a: u8 }", "enum A<T> { B(T) }", "enum A {}", "enum A { B(u8) }"] {
        let expanded = derive_choice(&syn::parse_str(input).unwrap()).to_string();
        assert!(expanded.contains("compile_error"), "{input}: {expanded}");
    }
    let expanded = derive_choice(&syn::parse_quote! { enum A { B, C } }).to_string();
    assert!(!expanded.contains("compile_error") && expanded.contains("SettingChoice for A"), "{expanded}");
}
