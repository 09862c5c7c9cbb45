//! The function around a line: by the grammar of its language where there is one, else by indentation and braces, else the ten
//! lines before and after.

use tree_sitter::{Language, Node, Parser};

/// Lines before and after where no function is found, or where it is too long.
const AROUND: u32 = 10;
/// Longest function that is shown whole, in lines.
const MAX_BODY: u32 = 120;

/// Lines of a file, from 1, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lines {
    pub(super) from: u32,
    pub(super) to: u32,
    /// `function`, or `lines` where none was found or it is too long.
    pub(super) whole: bool,
}

/// What to show of a file for this line.
pub(super) fn around(path: &str, text: &str, line: u32) -> Option<Lines> {
    let last = u32::try_from(text.lines().count()).ok()?;
    if line == 0 || line > last {
        return None;
    }
    let found = match grammar(path) {
        Some(language) => by_grammar(&language, text, line),
        None => by_indentation(text, line),
    };
    match found {
        Some((from, to)) if to - from < MAX_BODY => Some(Lines { from, to: to.min(last), whole: true }),
        _ => Some(Lines { from: line.saturating_sub(AROUND).max(1), to: (line + AROUND).min(last), whole: false }),
    }
}

fn grammar(path: &str) -> Option<Language> {
    Some(match path.rsplit_once('.')?.1 {
        "py" | "pyi" => tree_sitter_python::LANGUAGE.into(),
        "js" | "mjs" | "cjs" | "jsx" => tree_sitter_javascript::LANGUAGE.into(),
        "ts" | "mts" | "cts" => tree_sitter_typescript::LANGUAGE_TYPESCRIPT.into(),
        "tsx" => tree_sitter_typescript::LANGUAGE_TSX.into(),
        "go" => tree_sitter_go::LANGUAGE.into(),
        "java" => tree_sitter_java::LANGUAGE.into(),
        "rs" => tree_sitter_rust::LANGUAGE.into(),
        _ => return None,
    })
}

/// Nodes that are a function of its own. An arrow function or a closure is part of what it stands in, unless nothing else is.
const FUNCTIONS: [&str; 11] = [
    "function_definition",
    "function_declaration",
    "generator_function_declaration",
    "method_definition",
    "method_declaration",
    "constructor_declaration",
    "compact_constructor_declaration",
    "function_item",
    "function_expression",
    "func_literal",
    "arrow_function",
];

fn by_grammar(language: &Language, text: &str, line: u32) -> Option<(u32, u32)> {
    let mut parser = Parser::new();
    parser.set_language(language).ok()?;
    let tree = parser.parse(text, None)?;
    let row = usize::try_from(line).ok()? - 1;
    let mut node = tree.root_node();
    let (mut named, mut anonymous) = (None, None);
    loop {
        if matches!(node.kind(), "arrow_function" | "func_literal" | "function_expression") {
            anonymous = Some(node);
        } else if FUNCTIONS.contains(&node.kind()) {
            named = Some(node);
        }
        let inside = |child: &Node<'_>| child.start_position().row <= row && row <= child.end_position().row;
        let mut cursor = node.walk();
        // Of several on one line, the longest tells most.
        let next = node.children(&mut cursor).filter(inside).max_by_key(|child| child.end_byte() - child.start_byte());
        match next {
            Some(child) => node = child,
            None => break,
        }
    }
    let found = named.or(anonymous)?;
    // Decorators and annotations, and the name that an arrow function is given, stand in the parent.
    let found = found
        .parent()
        .filter(|parent| matches!(parent.kind(), "decorated_definition" | "variable_declarator" | "export_statement"))
        .unwrap_or(found);
    let rows = (found.start_position().row, found.end_position().row);
    Some((u32::try_from(rows.0).ok()? + 1, u32::try_from(rows.1).ok()? + 1))
}

/// From the nearest line above that is indented less and begins a function, to where the indentation ends.
fn by_indentation(text: &str, line: u32) -> Option<(u32, u32)> {
    const BEGINS: [&str; 12] = [
        "def ",
        "fn ",
        "fun ",
        "func ",
        "function ",
        "sub ",
        "public ",
        "private ",
        "protected ",
        "static ",
        "void ",
        "override ",
    ];
    let lines: Vec<&str> = text.lines().collect();
    let depth = |text: &str| text.len() - text.trim_start().len();
    let at = usize::try_from(line).ok()? - 1;
    let mut inner = depth(lines.get(at)?);
    let mut from = at;
    loop {
        let above = lines.get(..from)?.iter().rposition(|text| !text.trim().is_empty() && depth(text) < inner)?;
        inner = depth(lines.get(above)?);
        from = above;
        let head = lines.get(above)?.trim_start();
        let declares = head.trim_end().ends_with('{') && head.contains('(') && !is_control(head);
        if BEGINS.iter().any(|begin| head.starts_with(begin)) || declares {
            break;
        }
    }
    let body = lines.get(from + 1..)?;
    let end = body.iter().position(|text| !text.trim().is_empty() && depth(text) <= inner);
    let mut to = end.map_or(lines.len() - 1, |end| from + end);
    // The brace or the `end` that closes it belongs to it.
    if lines.get(to + 1).is_some_and(|text| matches!(text.trim().trim_end_matches(';'), "}" | "end" | "})")) {
        to += 1;
    }
    Some((u32::try_from(from).ok()? + 1, u32::try_from(to).ok()? + 1))
}

fn is_control(head: &str) -> bool {
    ["if", "for", "while", "switch", "catch", "else", "} ", "match", "try", "foreach", "do"].iter().any(|word| {
        head.strip_prefix(word).is_some_and(|rest| rest.starts_with([' ', '(', '{']) || word.ends_with(' '))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(path: &str, text: &str, line: u32) -> (u32, u32, bool) {
        let Lines { from, to, whole } = around(path, text, line).unwrap();
        (from, to, whole)
    }

    #[test]
    fn the_function_around_a_line_is_found_in_each_language() {
        let python = "import a\n\n@route\ndef outer(x):\n    y = 1\n\n    return y\n\nz = 3\n";
        assert_eq!(shown("a.py", python, 7), (3, 7, true));
        let typescript = "const f = 1;\nexport class Cart {\n  total(items: Item[]): number {\n    return items.map((i) => {\n      return i.price;\n    })[0];\n  }\n}\n";
        assert_eq!(shown("a.ts", typescript, 5), (3, 7, true));
        assert_eq!(shown("a.js", "const a = 1;\nconst f = (x) => {\n  return x;\n};\n", 3), (2, 4, true));
        assert_eq!(shown("a.go", "package a\n\nfunc (c *Cart) Sum() int {\n\treturn 1\n}\n", 4), (3, 5, true));
        assert_eq!(shown("A.java", "class A {\n  @Override\n  int f() {\n    return 1;\n  }\n}\n", 4), (2, 5, true));
        assert_eq!(shown("a.rs", "fn f() {\n    let a = || {\n        1\n    };\n}\n", 3), (1, 5, true));
        assert_eq!(
            shown("a.rb", "class A\n  def f(x)\n    if x\n      raise 1\n    end\n  end\nend\n", 4),
            (2, 6, true)
        );
        assert_eq!(
            shown("a.php", "<?php\nfunction f($x) {\n    if ($x) {\n        throw 1;\n    }\n}\n", 4),
            (2, 6, true)
        );
        assert_eq!(shown("a.cs", "class A {\n    int F(int x) {\n        return 1 / x;\n    }\n}\n", 3), (2, 4, true));
    }

    #[test]
    fn without_a_function_or_in_one_that_is_too_long_the_lines_around_are_shown() {
        let long = format!("def f():\n{}", "    x = 1\n".repeat(300));
        assert_eq!(shown("a.py", &long, 150), (140, 160, false));
        assert_eq!(shown("a.py", "a = 1\nb = 2\n", 2), (1, 2, false));
        assert_eq!(around("a.py", "a = 1\n", 9), None);
    }
}
