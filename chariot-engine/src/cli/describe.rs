//! `describe`: prints the registration of the engine, or manifests that deploy it, from its code and a few options. Warns
//! of what will hurt then.

use std::{fs, path::Path, process::ExitCode, time::Duration};

use bytesize::ByteSize;

use super::{
    arguments::{Describe, DescribeFormat},
    labels::Labels,
    load_time::measured,
    output::{fail, note, print},
};
use crate::{
    engine::EngineBuilder,
    registration::{DescribeOptions, Probe},
    settings::Environment,
};

/// The bytes that a slow disk delivers in a second. A larger model may take longer than the probe waits.
const BYTES_PER_SECOND: u64 = 100 << 20;

pub(super) fn describe(builder: EngineBuilder, options: Describe) -> ExitCode {
    let is_registration = matches!(options.format, DescribeFormat::Json | DescribeFormat::Python);
    if options.cluster.scale_by.is_some() && !matches!(options.format, DescribeFormat::K8s) {
        note("note", "--scale-by has no effect here; it is for --format k8s");
    }
    // The only part that is not in the code: it comes with the model.
    let dir = builder.model_root(&Environment::process());
    let Labels { found, warning: of_labels } = Labels::in_dir(&builder, &dir);
    let described = builder.described(
        DescribeOptions {
            project_id: options.project_id,
            org_name: options.org_name,
            project_name: options.project_name,
            image_cpu: options.image_cpu,
            image_gpu: options.image_gpu,
            is_default: options.default,
            base_url: options.base_url,
            all_settings: options.all_settings,
            class_labels: None,
            load_time: options.load_time.flatten(),
        },
        found,
    );
    let mut description = match described {
        Ok(description) => description,
        Err(error) => return fail(&error, error.exit_code()),
    };
    if options.load_time == Some(None) {
        let time = match measured(builder) {
            Ok(time) => time,
            Err(error) => return fail(format_args!("cannot measure the load: {error}"), error.exit_code()),
        };
        note("note", format_args!("the model took {:.1} s to load", time.as_secs_f64()));
        description.load_time = Some(time);
        description.registration.readiness_probe = description.registration.readiness_probe.for_load_time(time);
    }
    let of_size = (is_registration && options.load_time.is_none())
        .then(|| large_model(&dir, &description.registration.readiness_probe))
        .flatten();
    // Kubernetes has no form, and its pods have a startup probe.
    let warnings = if is_registration { description.warnings() } else { description.image_warnings() };
    for warning in warnings.into_iter().chain(of_labels).chain(of_size) {
        note("warning", warning);
    }
    let manifest = options.cluster.into();
    print(&match options.format {
        DescribeFormat::Json => description.to_json(),
        DescribeFormat::Python => description.to_python(),
        DescribeFormat::K8s => description.to_kubernetes(&manifest),
        DescribeFormat::Kserve => description.to_kserve(&manifest),
    })
}

/// Returns that a model is so large that the probe may give up before it has loaded. The load is measured on request only:
/// it takes time and the model's settings.
fn large_model(dir: &Path, probe: &Probe) -> Option<String> {
    let bytes = bytes_in(dir);
    let (patience, needed) = (probe.patience(), Duration::from_secs(bytes / BYTES_PER_SECOND));
    (needed > patience).then(|| {
        let (size, patience) = (ByteSize(bytes).display().iec(), humantime::format_duration(patience));
        format!(
            "the readiness probe gives up after {patience}, and the model's {size} may take longer to load; set \
             --load-time, or give it without a time to measure it here"
        )
    })
}

/// Returns the size of the files in a directory. What cannot be read counts as nothing.
fn bytes_in(dir: &Path) -> u64 {
    let entries = fs::read_dir(dir).into_iter().flatten().map_while(Result::ok);
    let bytes = entries.map(|entry| match entry.file_type() {
        // A link to a folder could form a cycle.
        Ok(kind) if kind.is_dir() => bytes_in(&entry.path()),
        Ok(_) => fs::metadata(entry.path()).map_or(0, |file| if file.is_file() { file.len() } else { 0 }),
        Err(_) => 0,
    });
    bytes.sum()
}
