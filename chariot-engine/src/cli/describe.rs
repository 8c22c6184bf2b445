//! `describe`: prints the registration of the engine, or manifests that deploy it, from its code and a few options.

use std::process::ExitCode;

use super::{
    arguments::{Describe, DescribeFormat},
    check::has_classes,
    output::{fail, note, print},
};
use crate::{engine::EngineBuilder, registration::DescribeOptions, settings::Environment, tasks::ClassLabels};

pub(super) fn describe(builder: EngineBuilder, options: Describe) -> ExitCode {
    let no_image = options.image_cpu.is_none() && options.image_gpu.is_none();
    let is_python = matches!(options.format, DescribeFormat::Python);
    if options.cluster.scale_by.is_some() && !matches!(options.format, DescribeFormat::K8s) {
        note("note", "--scale-by has no effect here; it is for --format k8s");
    }
    // The only part that is not in the code: it comes with the model.
    let found = is_python.then(|| builder.class_labels_in(&Environment::process())).flatten();
    let is_missing = found.is_none();
    let class_labels = found.and_then(|labels| {
        labels.map_err(|text| note("warning", format_args!("class labels are left out: {text}"))).ok()
    });
    let described = builder.describe(DescribeOptions {
        project_id: options.project_id,
        image_cpu: options.image_cpu,
        image_gpu: options.image_gpu,
        is_default: options.default,
        base_url: options.base_url,
        all_settings: options.all_settings,
        class_labels,
    });
    let description = match described {
        Ok(description) => description,
        Err(error) => return fail(&error, error.exit_code()),
    };
    if let Some(image) = description.registration.container_image_cpu.as_deref().filter(|_| no_image) {
        let text = "is a placeholder; set the image with --image-cpu or --image-gpu";
        note("note", format_args!("image '{image}' {text}"));
    }
    if let Some(task) = description.task.as_deref().filter(|task| has_classes(task))
        && is_python
        && is_missing
        && description.class_labels.is_none()
    {
        let file = ClassLabels::FILE;
        let text = "so the program imports the model without them; set the directory with CHARIOT_ENGINE_MODEL_DIR";
        note("note", format_args!("'{file}' with the classes for '{task}' not found, {text}"));
    }
    let manifest = options.cluster.into();
    print(&match options.format {
        DescribeFormat::Json => description.to_json(),
        DescribeFormat::Python => description.to_python(),
        DescribeFormat::K8s => description.to_kubernetes(&manifest),
        DescribeFormat::Kserve => description.to_kserve(&manifest),
    })
}
