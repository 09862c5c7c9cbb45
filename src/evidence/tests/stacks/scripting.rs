//! Stacks of Ruby, PHP and Dart.

use super::{cause, frames, parse_as, whole};

#[test]
fn rubys_backtraces_have_old_and_new_quotes_and_causes() {
    let text = "t.rb:2:in 'Integer#/': divided by 0 (ZeroDivisionError)\n\tfrom t.rb:5:in 'block (2 levels) in Shop.run'\n\
        \tfrom <internal:kernel>:187:in 'Kernel#loop'\n\tfrom t.rb:8:in '<main>'\nu.rb:1:in 'Object#g': inner (RuntimeError)\nsecond line\n\tfrom u.rb:3:in '<main>'\n";
    let (said, found) = whole(text, "ruby");
    assert_eq!(said, "ZeroDivisionError: divided by 0");
    assert_eq!(
        found,
        [
            "*Integer#/ t.rb:2",
            "*block (2 levels) in Shop.run t.rb:5",
            "Kernel#loop <internal:kernel>:187",
            "*<main> t.rb:8"
        ]
    );
    let inner = cause(&parse_as(text, "ruby").unwrap().causes[0]);
    assert_eq!(inner.1, "RuntimeError: inner\nsecond line");
    assert_eq!(inner.3, ["*Object#g u.rb:1", "*<main> u.rb:3"]);
    let old =
        "/app/x.rb:13:in `rescue in block in func': one\ntwo\nthree. (Wrap::MyError)\n\tfrom /app/x.rb:10:in `func'\n";
    assert_eq!(
        whole(old, "ruby"),
        (
            "Wrap::MyError: one\ntwo\nthree.".into(),
            vec!["*rescue in block in func /app/x.rb:13".into(), "*func /app/x.rb:10".into()]
        )
    );
}

#[test]
fn rubys_reversed_order_and_logs_are_turned_round() {
    let text = "Traceback (most recent call last):\n\t2: from t.rb:9:in `<main>'\n\t1: from t.rb:5:in `run'\nt.rb:1:in `/': divided by 0 (ZeroDivisionError)\n";
    let (said, found) = whole(text, "ruby");
    assert_eq!(
        (said.as_str(), found),
        ("ZeroDivisionError: divided by 0", vec!["*/ t.rb:1".into(), "*run t.rb:5".into(), "*<main> t.rb:9".into()])
    );
    let rails = "ActionController::RoutingError (No route matches [GET] \"/x\"):\n  \nactionpack (5.1.4) lib/debug.rb:63:in `call'\napp/controllers/x.rb:12:in `show'\n";
    let (said, found) = whole(rails, "ruby");
    assert_eq!(said, "ActionController::RoutingError: No route matches [GET] \"/x\"");
    assert_eq!(found, ["call actionpack (5.1.4) lib/debug.rb:63", "*show app/controllers/x.rb:12"]);
    let rspec = "# ./spec/a_spec.rb:3:in `block (2 levels) in <top (required)>'\n# ./lib/a.rb:4:in `add'\n";
    assert_eq!(
        whole(rspec, "ruby").1,
        ["*block (2 levels) in <top (required)> ./spec/a_spec.rb:3", "*add ./lib/a.rb:4"]
    );
}

#[test]
fn phps_frames_are_the_calls_and_the_place_stands_beside_them() {
    let text = "PHP Fatal error:  Uncaught App\\BadException: bad: x in /app/test.php:5\nStack trace:\n#0 [internal function]: {closure}(1, 2)\n\
        #1 /app/a b.php(9): App\\Cart->add('x (y)', Object(App\\Item))\n#2 /app/c.php(3): App\\{closure:/app/c.php:2}(Array)\n\
        #3 /app/vendor/x/y.php(4): require('/app/c...')\n#4 {main}\n  thrown in /app/test.php on line 5\n";
    let (said, found) = whole(text, "php");
    assert_eq!(said, "App\\BadException: bad: x");
    assert_eq!(
        found,
        [
            "{closure} [internal function]",
            "*App\\Cart->add /app/a b.php:9",
            "*App\\{closure:/app/c.php:2} /app/c.php:3",
            "require /app/vendor/x/y.php:4",
            "*{main} ?",
        ]
    );
    let at = parse_as(text, "php").unwrap().thrown_at.unwrap();
    assert_eq!((at.file.as_str(), at.line), ("/app/test.php", Some(5)));
}

#[test]
fn phps_last_exception_is_the_one_that_surfaced() {
    let text = "RuntimeException: inner in /app/a.php:3\nStack trace:\n#0 /app/b.php(4): f()\n#1 {main}\n\n\
        Next LogicException: outer\nline two in /app/c.php:7\nStack trace:\n#0 /app/d.php(8): g()\n#1 {main}\n";
    let (said, found) = whole(text, "php");
    assert_eq!((said.as_str(), found[0].as_str()), ("LogicException: outer\nline two", "*g /app/d.php:8"));
    let inner = cause(&parse_as(text, "php").unwrap().causes[0]);
    assert_eq!((inner.1.as_str(), inner.3[0].as_str()), ("RuntimeException: inner", "*f /app/b.php:4"));
    let otel = "Exception: Thrown\n\tat App.Cart.add(cart.php:56)\n\tat {main}(test.php:63)\nCaused by: RuntimeException: inner\n\tat App.inner(x.php:3)\n\t... 1 more\n";
    assert_eq!(whole(otel, "php").1, ["*App.Cart.add cart.php:56", "*{main} test.php:63"]);
}

#[test]
fn darts_traces_are_read_long_and_terse() {
    let text = "Unhandled exception:\nFormatException: bad (at character 1)\nabc\n^\n#0      int.parse (dart:core-patch/integers_patch.dart:131:5)\n\
        #1      new Cart.of (package:shop/src/cart.dart:10:3)\n<asynchronous suspension>\n#2      main.<anonymous closure> (file:///app/main.dart:10:20)\n";
    let (said, found) = whole(text, "dart");
    assert_eq!(said, "FormatException: bad (at character 1)\nabc\n^");
    assert_eq!(
        found,
        [
            "int.parse dart:core-patch/integers_patch.dart:131:5",
            "*new Cart.of package:shop/src/cart.dart:10:3",
            "*main.<anonymous closure> file:///app/main.dart:10:20",
        ]
    );
    let terse = "package:shop/src/cart.dart 12:5        Cart.add\ndart:async                           _then\n===== asynchronous gap ===========================\ntest/cart_test.dart 5:3  main.<fn>\n";
    let found = parse_as(terse, "dart").unwrap();
    assert_eq!(
        frames(&found.frames),
        ["*Cart.add package:shop/src/cart.dart:12:5", "_then dart:async", "*main.<fn> test/cart_test.dart:5:3"]
    );
}
