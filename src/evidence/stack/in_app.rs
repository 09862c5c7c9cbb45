//! Whether a frame is the service's own code: rules per family of languages, which the user's own come after.
//!
//! A rule is written as in Sentry's stack trace rules: matchers, all of which must fit, and what then holds:
//! `family:go path:**/vendor/** -app`. Matchers are `family:` (languages, divided by commas), `module:`, `path:` (with
//! `/` for `\`) and `function:`; in their patterns `*` stands for any text within a name or a folder, `**` for any text,
//! `?` for one character, `{a,b}` for either. `!` before a matcher turns it round. The last rule that fits decides; without one a frame
//! is the service's own.

use regex::Regex;

use super::{Family, paths};
use crate::model::Frame;

/// The rules of the runtimes and package managers themselves.
const BUILT_IN: &str = "
family:java module:{java,javax,jdk,sun,com.sun,jakarta}.** -app
family:java module:{kotlin,kotlinx,scala,groovy,clojure,android,androidx,dalvik,_COROUTINE}.** -app
family:java module:{org.springframework,org.apache,org.hibernate,org.eclipse.jetty,org.jboss,org.codehaus,org.gradle}.** -app
family:java module:{org.junit,junit,io.netty,io.undertow,io.grpc,io.micrometer,io.opentelemetry,reactor,rx,io.reactivex}.** -app
family:java module:{com.google.common,com.google.inject,com.fasterxml.jackson,com.zaxxer.hikari,org.slf4j,ch.qos.logback,akka}.** -app
family:javascript path:**/node_modules/** -app
family:javascript path:node_modules/** -app
family:javascript path:{node:,internal/,webpack/,ext:,native,[native code],<anonymous>,index }** -app
family:javascript path:{node,module,events,net,timers,fs,http,vm,util,_http_server,_stream_readable,bootstrap_node}.js -app
family:javascript path:{chrome,moz,safari,safari-web}-extension:** -app
family:go function:panic -app
family:go module:{runtime,net,os,reflect,sync,testing,syscall,encoding,internal,context,time,io} -app
family:go module:{runtime,net,os,reflect,sync,testing,syscall,encoding,internal,database,context,time,io}/** -app
family:go path:**/src/{runtime,net,os,reflect,sync,testing,syscall,encoding,internal,database/sql,context,time,io}/** -app
family:go path:{**/go/pkg/mod/**,**/vendor/**,**@v*/**} -app
family:rust path:{/rustc/,**/rustlib/src/,**/.cargo/registry/,**/.cargo/git/,**/toolchains/}** -app
family:rust module:{std,core,alloc,backtrace,rust_begin_unwind,tokio,rayon_core,test,__rust_*,anyhow} -app
family:rust function:{rust_begin_unwind,__rust*,_start,main,__libc_start*,<unknown>,start_thread,clone,clone3} -app
family:dotnet module:{System,Microsoft,MS,Mono,Xunit,NUnit,Newtonsoft,Grpc,Npgsql,OpenTelemetry}.** -app
family:ruby path:{**/gems/**,**/vendor/bundle/**,**/lib/ruby/**,**/share/ruby/**,**/rubygems/**,<internal:**} -app
family:ruby path:* (*) ** -app
family:php path:{**/vendor/**,vendor/**,[internal function]} -app
family:dart path:{dart:,package:flutter/,package:stack_trace/,package:test_api/,package:shelf/,package:http/}** -app
family:native path:{/usr/include/,/usr/lib/,/lib/,../sysdeps/,../nptl/,**/glibc,**/eglibc,**/compiler-rt/,**/libc-start.}** -app
family:native path:{./nptl/,./csu/,./stdlib/,./signal/,./assert/,../csu/,../stdlib/,**/include/c++/,**/sanitizer_common/,**/bits/}** -app
family:native module:{/lib,/usr/lib,/system/,/apex/}** -app
family:native function:{std::,__interceptor_,__asan_,__tsan_,__msan_,__ubsan_,__GI_,__libc_,operator new,operator delete}** -app
family:native function:{_start,start_thread,clone,clone3,abort,raise,gsignal,<signal handler called>,malloc,calloc,realloc,free,_exit,??} -app
";

/// Rules that say which frames are in-app.
#[derive(Debug, Clone)]
pub struct AppRules {
    rules: Vec<Rule>,
}

/// Why a rule cannot hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct RuleError(String);

impl Default for AppRules {
    fn default() -> Self {
        let rules = BUILT_IN.lines().filter_map(|line| Rule::parse(line).ok()).collect();
        Self { rules }
    }
}

impl AppRules {
    /// The built-in rules and after them `own`.
    ///
    /// # Errors
    /// With the index of the first rule that cannot be read, and why.
    pub fn new(own: &[String]) -> Result<Self, (usize, RuleError)> {
        let mut rules = Self::default();
        for (at, text) in own.iter().enumerate() {
            rules.rules.push(Rule::parse(text).map_err(|error| (at, error))?);
        }
        Ok(rules)
    }

    /// Whether a frame of a stack of `family` is the service's own code.
    pub(super) fn in_app(&self, family: Family, frame: &Frame) -> bool {
        self.in_app_unless_said(family, frame, None)
    }

    /// The same, where its sender may have said so: that holds unless a rule fits.
    pub(super) fn in_app_unless_said(&self, family: Family, frame: &Frame, said: Option<bool>) -> bool {
        let path = frame.file.as_deref().map(|file| file.replace('\\', "/"));
        let by_default = match family {
            Family::Python => frame.file.as_deref().is_none_or(paths::python_in_app),
            // The outermost frames of a stack without symbols, and code that was made at run time.
            _ => frame.file.is_some() || frame.module.is_some() || !frame.func.is_empty(),
        };
        let rule = self.rules.iter().rev().find(|rule| rule.fits(family, frame, path.as_deref().unwrap_or_default()));
        rule.map_or(said.unwrap_or(by_default), |rule| rule.in_app)
    }
}

#[derive(Debug, Clone)]
struct Rule {
    matchers: Vec<Matcher>,
    in_app: bool,
}

#[derive(Debug, Clone)]
struct Matcher {
    negated: bool,
    what: What,
}

#[derive(Debug, Clone)]
enum What {
    Family(Vec<Family>),
    Module(Regex),
    Path(Regex),
    Function(Regex),
}

impl Rule {
    fn parse(text: &str) -> Result<Self, RuleError> {
        let fault = |message: String| Err(RuleError(message));
        let text = text.trim();
        let (matchers, in_app) = match text.rsplit_once(' ') {
            Some((matchers, "+app")) => (matchers, true),
            Some((matchers, "-app")) => (matchers, false),
            _ => return fault("a rule ends with ` +app` or ` -app`".to_owned()),
        };
        let mut found: Vec<Matcher> = Vec::new();
        let mut raw: Vec<String> = Vec::new();
        for word in matchers.split(' ').filter(|word| !word.is_empty()) {
            let is_key = word.trim_start_matches('!').split_once(':').is_some_and(|(key, _)| KEYS.contains(&key));
            match raw.last_mut() {
                // A pattern may have blanks.
                Some(last) if !is_key => {
                    last.push(' ');
                    last.push_str(word);
                }
                _ => raw.push(word.to_owned()),
            }
        }
        for word in raw {
            let (negated, word) = word.strip_prefix('!').map_or((false, word.as_str()), |rest| (true, rest));
            let Some((key, pattern)) = word.split_once(':') else {
                return fault(format!("`{word}` is not `matcher:pattern`"));
            };
            let what = match key {
                "family" => {
                    let named = pattern.split(',').map(|name| Family::of(name).ok_or(name));
                    match named.collect::<Result<Vec<_>, _>>() {
                        Ok(families) => What::Family(families),
                        Err(name) => return fault(format!("no family of languages is called `{name}`")),
                    }
                }
                "module" => What::Module(compile(pattern, '.')?),
                "path" => What::Path(compile(&pattern.replace('\\', "/"), '/')?),
                "function" => What::Function(compile(pattern, '/')?),
                other => return fault(format!("unknown matcher `{other}`: there are {}", KEYS.join(", "))),
            };
            found.push(Matcher { negated, what });
        }
        if found.is_empty() {
            return fault("a rule needs a matcher before `+app` or `-app`".to_owned());
        }
        Ok(Self { matchers: found, in_app })
    }

    fn fits(&self, family: Family, frame: &Frame, path: &str) -> bool {
        self.matchers.iter().all(|matcher| {
            let fits = match &matcher.what {
                What::Family(families) => families.contains(&family),
                What::Module(pattern) => frame.module.as_deref().is_some_and(|module| pattern.is_match(module)),
                What::Path(pattern) => !path.is_empty() && pattern.is_match(path),
                What::Function(pattern) => pattern.is_match(&frame.func),
            };
            fits != matcher.negated
        })
    }
}

const KEYS: [&str; 4] = ["family", "module", "path", "function"];

/// A pattern as an expression, which takes linear time: `*` goes not beyond `within`, `{a,b}` is either.
fn compile(pattern: &str, within: char) -> Result<Regex, RuleError> {
    let mut text = String::from("^");
    let mut rest = pattern.chars().peekable();
    let mut braces = 0_usize;
    while let Some(c) = rest.next() {
        match c {
            '*' if rest.next_if_eq(&'*').is_some() => text.push_str("(?s:.*)"),
            '*' => text.push_str(&format!("[^{}]*", regex::escape(&within.to_string()))),
            '?' => text.push_str("(?s:.)"),
            '{' => {
                braces += 1;
                text.push_str("(?:");
            }
            '}' if braces > 0 => {
                braces -= 1;
                text.push(')');
            }
            ',' if braces > 0 => text.push('|'),
            c => text.push_str(&regex::escape(&c.to_string())),
        }
    }
    text.push('$');
    Regex::new(&text).map_err(|_| RuleError(format!("`{pattern}` is not a pattern")))
}
