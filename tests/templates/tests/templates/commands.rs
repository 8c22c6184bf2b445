//! The commands in a README and in a CI file.

/// Returns the code blocks in this language, in order.
pub(crate) fn blocks<'a>(markdown: &'a str, language: &str) -> Vec<&'a str> {
    let begin = format!("\n```{language}\n");
    let parts = markdown.split(&*begin).skip(1);
    parts.map(|rest| rest.split("\n```").next().expect("a first part")).collect()
}

/// Returns the cargo commands of a workflow, in order.
pub(crate) fn ci_commands(workflow: &str) -> Vec<String> {
    let runs = workflow.lines().filter_map(|line| line.trim().strip_prefix("- run: "));
    runs.filter(|command| command.starts_with("cargo ")).map(str::to_string).collect()
}
