//! `describe`: what must be told to register and to deploy the engine, from its code and a few options.

use std::process::ExitCode;

use super::{
    arguments::{Describe, DescribeFormat},
    output::{fail, note, print},
};
use crate::{engine::EngineBuilder, registration::DescribeOptions, settings::Environment};

pub(super) fn describe(builder: EngineBuilder, options: Describe) -> ExitCode {
    if options.image_cpu.is_none() && options.image_gpu.is_none() {
        note("note", "no image is named; --image-cpu and --image-gpu say which the platform runs");
    }
    // The only thing that does not stand in the code: it comes with the model.
    let class_labels = match (options.format, builder.class_labels_in(&Environment::process())) {
        (DescribeFormat::Python, Some(Err(text))) => {
            note("warning", format_args!("the class labels are left out: {text}"));
            None
        }
        (DescribeFormat::Python, Some(Ok(labels))) => Some(labels),
        _ => None,
    };
    let described = builder.describe(DescribeOptions {
        project_id: options.project_id,
        image_cpu: options.image_cpu,
        image_gpu: options.image_gpu,
        is_default: options.default,
        base_url: options.base_url,
        class_labels,
    });
    let description = match described {
        Ok(description) => description,
        Err(error) => return fail(&error, error.exit_code()),
    };
    let manifest = options.cluster.into();
    print(&match options.format {
        DescribeFormat::Json => description.to_json(),
        DescribeFormat::Python => description.to_python(),
        DescribeFormat::K8s => description.to_kubernetes(&manifest),
        DescribeFormat::Kserve => description.to_kserve(&manifest),
    })
}
