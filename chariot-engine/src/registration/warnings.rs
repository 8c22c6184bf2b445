//! The warnings of a description: what is valid but will hurt once the engine is registered or deployed. `describe` prints
//! them.

use super::{description::EngineDescription, image::Reference};
use crate::{error::quoted, settings::form_fault};

/// The hosts and the ends of hosts that documentation uses, and that no registry has.
const EXAMPLE_HOSTS: [&str; 7] =
    ["example", "example.com", "example.org", "example.net", "test", "invalid", "localhost"];

/// The names that documentation puts in place of a registry's host. A host would have a dot or a port.
const EXAMPLE_REGISTRIES: [&str; 5] = ["registry", "my-registry", "my_registry", "myregistry", "yourregistry"];

/// Returns all warnings about a registration.
pub(super) fn warnings(engine: &EngineDescription) -> Vec<String> {
    let mut warnings = image_warnings(engine);
    warnings.extend(probe_warning(engine));
    warnings.extend(setting_warnings(engine));
    warnings
}

/// Returns the warnings about the images, which concern the manifests too.
pub(super) fn image_warnings(engine: &EngineDescription) -> Vec<String> {
    if engine.placeholder_image {
        let advice = "set the image that you pushed with --image-cpu or --image-gpu";
        return vec![format!("image {} is made up; {advice}", quoted(engine.image()))];
    }
    let registration = &engine.registration;
    let mut images: Vec<&String> =
        [&registration.container_image_cpu, &registration.container_image_gpu].into_iter().flatten().collect();
    // The same image may be for both kinds of machines.
    images.dedup();
    images.into_iter().filter_map(|image| image_warning(image)).collect()
}

/// Returns why an image will not be pulled, or will change under a version of the engine.
fn image_warning(image: &str) -> Option<String> {
    let shown = quoted(image);
    let reference = match Reference::parse(image) {
        Ok(reference) => reference,
        Err(fault) => return Some(format!("image {shown} cannot be pulled: {fault}")),
    };
    if is_made_up(&reference) {
        return Some(format!(
            "image {shown} is made up: the platform cannot pull from there; set the image that you pushed"
        ));
    }
    if reference.has_digest {
        return None;
    }
    match reference.tag {
        None => Some(format!(
            "image {shown} has no version, so a later push changes what runs under this version of the engine; add a tag \
             such as ':1.0.0', or a digest"
        )),
        Some("latest") => Some(format!(
            "image {shown} is whatever was pushed last, so a later push changes what runs under this version of the \
             engine; use a tag such as ':1.0.0', or a digest"
        )),
        Some(_) => None,
    }
}

/// Returns `true` for a reference that documentation uses in place of a real one.
fn is_made_up(reference: &Reference<'_>) -> bool {
    let host = reference.host.map(str::to_ascii_lowercase);
    let is_example = |host: &String| EXAMPLE_HOSTS.iter().any(|of| host == of || host.ends_with(&format!(".{of}")));
    let is_yours = |part: &str| part.strip_prefix("your").is_some_and(|rest| rest.starts_with(['-', '_', '.']));
    let mut components = reference.repository.split('/');
    host.as_ref().is_some_and(|host| is_example(host) || is_yours(host))
        || components.clone().any(is_yours)
        || host.is_none() && components.next().is_some_and(|first| EXAMPLE_REGISTRIES.contains(&first))
}

/// Returns that the probe gives up before the model has loaded, if it does.
fn probe_warning(engine: &EngineDescription) -> Option<String> {
    let probe = &engine.registration.readiness_probe;
    let (patience, load_time) = (probe.patience(), engine.load_time?);
    (patience < load_time).then(|| {
        let least = probe.clone().for_load_time(load_time).failure_threshold;
        format!(
            "the readiness probe gives up after {} and the model takes {} to load; raise `failure_threshold` to {least}",
            humantime::format_duration(patience),
            humantime::format_duration(load_time),
        )
    })
}

/// Returns the settings of the engine that the platform's form cannot hold, or that every operator must fill in.
fn setting_warnings(engine: &EngineDescription) -> impl Iterator<Item = String> {
    engine.own_settings.iter().filter_map(|setting| {
        let (name, kind) = (&setting.name, setting.kind.as_str());
        if setting.required {
            let what = "is required and has no default, so no model starts until an operator fills it in";
            let advice =
                if setting.secret { "say so in its label" } else { "give it a default, or say so in its label" };
            return Some(format!("setting '{name}' {what}; {advice}"));
        }
        let fault = form_fault(setting)?;
        let what =
            "the platform's form cannot hold its default, so it is offered as a string that the form does not check";
        Some(format!("setting '{name}' ({kind}): {fault}: {what}; give it a default of its type"))
    })
}

#[cfg(test)]
mod tests {
    use super::image_warning;

    #[test]
    fn an_image_that_names_its_version_is_fine() {
        let digest = format!("sha256:{}", "0123456789abcdef".repeat(4));
        for image in [
            "digits:1",
            "team/digits:1",
            "registry:5000/digits:1",
            "registry.internal:5000/team/digits:1.0.0",
            "ghcr.io/team/digits:v1_2-rc.1",
            "ghcr.io/yourself/registry:1",
            &format!("registry.internal:5000/digits@{digest}"),
            &format!("ghcr.io/team/digits:latest@{digest}"),
        ] {
            assert_eq!(image_warning(image), None);
        }
    }

    #[test]
    fn messages_of_images() {
        let lines: String = [
            "digits",
            "registry.internal:5000/digits",
            "ghcr.io/team/digits:latest",
            "<registry>/digits:1",
            "registry/Digits:1",
            "https://ghcr.io/team/digits:1",
            "ghcr.io//digits:1",
            "ghcr.io/team/digits@sha256:abc",
            "ghcr.io/team/digits:",
            "",
            "registry.example.com/digits:1",
            "localhost:5000/digits:1",
            "your-registry/digits:0.1.0",
            "your-registry.io:5000/digits:0.1.0",
            "ghcr.io/your-team/digits:0.1.0",
            "registry/digits:1",
        ]
        .iter()
        .map(|image| format!("{}\n", image_warning(image).unwrap_or_else(|| panic!("{image} was accepted"))))
        .collect();
        insta::assert_snapshot!("messages_of_images", lines);
    }
}
