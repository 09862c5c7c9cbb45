//! JUnit 5: a Spring application by `MockMvc`, or a static method with the arguments of its frame.

use std::path::PathBuf;

use super::call;
use super::code::{Code, pattern};
use super::literal::utf16_text as quoted;
use super::plan::{HttpInput, Input, Plan};
use super::{Written, named};

pub(super) fn write(plan: &mut Plan, code: &Code<'_>) -> Option<Written> {
    let class = format!("Casefile{}Test", plan.name().replace('_', "").to_ascii_uppercase());
    let (package, imports, annotations, fields, act) = match plan.input.clone() {
        Input::Http(input) => {
            let application =
                code.files.iter().find(|file| file.ends_with(".java") && code.has(file, "@SpringBootApplication"));
            let Some(package) = application.and_then(|file| package_of(code, file)) else {
                plan.missing.push("entry: the repository has no @SpringBootApplication".to_owned());
                return None;
            };
            let imports = "import org.springframework.beans.factory.annotation.Autowired;\n\
                           import org.springframework.boot.test.autoconfigure.web.servlet.AutoConfigureMockMvc;\n\
                           import org.springframework.boot.test.context.SpringBootTest;\n\
                           import org.springframework.test.web.servlet.MockMvc;\n\
                           import org.springframework.test.web.servlet.request.MockMvcRequestBuilders;\n\n\
                           import java.net.URI;\nimport org.springframework.http.HttpMethod;\n";
            (
                package,
                imports,
                "@SpringBootTest\n@AutoConfigureMockMvc\n",
                "    @Autowired\n    MockMvc mvc;\n\n",
                request(&input),
            )
        }
        Input::Arguments(locals) => {
            let frame = call::frame(plan, code)?;
            let call = call::plain(plan, code, &frame, &locals, quoted)?;
            let owner = frame.1.rsplit('/').next()?.trim_end_matches(".java");
            (package_of(code, &frame.1)?, "", "", "", format!("        {owner}.{call};\n"))
        }
        Input::Message(_) | Input::None => {
            plan.missing.push("entry: how a Java consumer takes its message is not known".to_owned());
            return None;
        }
    };
    if plan.time.is_some() {
        plan.notes.push("the clock is not frozen: Java's has to be a bean of the application to be set".to_owned());
    }
    for name in plan.env.keys() {
        plan.notes.push(format!(
            "set {} in the environment: Java cannot set variables of its own process",
            super::comment(name)
        ));
    }
    for stub in &plan.stubs {
        plan.missing.push(format!(
            "answer to {} {}: not stubbed in Java",
            super::comment(&stub.method),
            super::comment(&stub.url)
        ));
    }
    if !plan.flags.is_empty() {
        plan.missing.push("feature flags: no provider is set in Java".to_owned());
    }
    let (before, after) = plan.expected.budget.map_or_else(Default::default, |budget| {
        (
            "        long began = System.nanoTime();\n".to_owned(),
            format!("        long took = (System.nanoTime() - began) / 1_000_000;\n        assertTrue(took <= {budget}, \"budget exceeded: \" + took + \" ms of {budget}\");\n"),
        )
    });
    let path = PathBuf::from("src/test/java").join(package.replace('.', "/")).join(format!("{class}.java"));
    let text = format!(
        "\npackage {package};\n\nimport static org.junit.jupiter.api.Assertions.assertTrue;\n\n{imports}import org.junit.jupiter.api.Test;\n\n\
         {annotations}class {class} {{\n{fields}    // Does not end in {}.\n    @Test\n    void doesNotFailAgain() throws Exception {{\n\
         {before}{act}{after}    }}\n}}\n",
        named(plan)
    );
    Some(Written { path, name: format!("{class}#doesNotFailAgain"), text, race: false })
}

fn request(input: &HttpInput) -> String {
    let mut request = format!(
        "        var request = MockMvcRequestBuilders.request(HttpMethod.valueOf({}), URI.create({}))",
        quoted(&input.method),
        quoted(&input.target)
    );
    for (name, value) in &input.headers {
        request.push_str(&format!("\n            .header({}, {})", quoted(name), quoted(value)));
    }
    if let Some(body) = &input.body {
        request.push_str(&format!("\n            .content({})", quoted(body)));
    }
    format!(
        "{request};\n        int status = mvc.perform(request).andReturn().getResponse().getStatus();\n        assertTrue(status < 500, \"answered \" + status);\n"
    )
}

fn package_of(code: &Code<'_>, file: &str) -> Option<String> {
    Some(pattern(r"(?m)^package ([\w.]+);").captures(&code.text(file)?)?.get(1)?.as_str().to_owned())
}
