//! The results as one HTML page: no script, no style or picture from elsewhere.

use super::result::{ActionResult, Outcome, ScriptResult, SuiteResult, TestOutcome, TestResult};

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;\
padding:0 1rem;color:#1a1a1a;background:#fff}h1{font-size:1.5rem}\
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.3rem .6rem;\
border-bottom:1px solid #ccc;vertical-align:top}td.n,th.n{text-align:right}\
details{border-bottom:1px solid #ddd;padding:.3rem 0}details details{margin-left:1.5rem}\
summary{cursor:pointer}li{margin:.15rem 0;overflow-wrap:anywhere}\
.v{display:inline-block;min-width:5rem;font-weight:600}\
.pass .v{color:#06602b}.fail .v{color:#a30b0b}.skip .v{color:#5a5a5a}.warn .v{color:#7a4b00}";

/// Writes the page. Scripts that failed stand open.
pub fn page(result: &SuiteResult, base: &str) -> String {
    let mut out = String::new();
    out.push_str("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    out.push_str("<meta name=\"viewport\" content=\"width=device-width\">\n");
    out.push_str("<title>TestScript results</title>\n<style>");
    out.push_str(STYLE);
    out.push_str("</style>\n</head>\n<body>\n<h1>TestScript results</h1>\n<p>Server: ");
    escape(base, &mut out);
    out.push_str("</p>\n<p><strong>");
    out.push_str(&result.score().to_string());
    out.push_str("</strong></p>\n<table>\n<tr><th>Script</th><th class=\"n\">Passed</th>");
    out.push_str("<th class=\"n\">Failed</th><th class=\"n\">Skipped</th></tr>\n");
    for (index, script) in result.scripts.iter().enumerate() {
        let score = script.score();
        out.push_str(&format!("<tr><td><a href=\"#s{index}\">"));
        escape(&script.file, &mut out);
        out.push_str("</a></td>");
        for count in [score.passed, score.failed, score.skipped] {
            out.push_str(&format!("<td class=\"n\">{count}</td>"));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</table>\n");
    for (index, script) in result.scripts.iter().enumerate() {
        script_section(script, index, &mut out);
    }
    out.push_str("</body>\n</html>\n");
    out
}

fn script_section(script: &ScriptResult, index: usize, out: &mut String) {
    out.push_str(&format!("<h2 id=\"s{index}\">"));
    escape(&script.name, out);
    out.push_str("</h2>\n<p>");
    escape(&script.file, out);
    out.push_str(": ");
    out.push_str(&script.score().to_string());
    out.push_str("</p>\n");
    if !script.setup.is_empty() {
        let class = if script.setup_failed.is_some() {
            "fail"
        } else {
            "pass"
        };
        group("setup", class, class, &script.setup, out);
    }
    for test in &script.tests {
        test_section(test, out);
    }
    if !script.teardown.is_empty() {
        group("teardown", "skip", "", &script.teardown, out);
    }
}

fn test_section(test: &TestResult, out: &mut String) {
    let (class, word) = match &test.outcome {
        TestOutcome::Passed => ("pass", "passed"),
        TestOutcome::Failed { .. } => ("fail", "failed"),
        TestOutcome::Skipped(_) => ("skip", "skipped"),
    };
    let name = match &test.outcome {
        TestOutcome::Passed => test.name.clone(),
        TestOutcome::Failed { action, fault } => format!("{}: {action}: {fault}", test.name),
        TestOutcome::Skipped(reason) => format!("{}: {reason}", test.name),
    };
    group(&name, class, word, &test.actions, out);
}

fn group(name: &str, class: &str, word: &str, actions: &[ActionResult], out: &mut String) {
    let open = if class == "fail" { " open" } else { "" };
    out.push_str(&format!(
        "<details class=\"{class}\"{open}><summary><span class=\"v\">{word}</span> "
    ));
    escape(name, out);
    out.push_str("</summary>\n<ol>\n");
    for action in actions {
        let (class, word, message) = match &action.outcome {
            Outcome::Pass => ("pass", "pass", String::new()),
            Outcome::Skip(reason) | Outcome::Unsupported(reason) => {
                ("skip", "skip", format!(": {reason}"))
            }
            Outcome::Warning(fault) => ("warn", "warning", format!(": {fault}")),
            Outcome::Fail(fault) => ("fail", "fail", format!(": {fault}")),
            Outcome::Error(fault) => ("fail", "error", format!(": {fault}")),
        };
        out.push_str(&format!(
            "<li class=\"{class}\"><span class=\"v\">{word}</span> "
        ));
        escape(&format!("{}{message}", action.label), out);
        out.push_str("</li>\n");
    }
    out.push_str("</ol>\n</details>\n");
}

/// What a script or a server says is text, never markup.
fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c if c.is_control() && !c.is_whitespace() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
}
