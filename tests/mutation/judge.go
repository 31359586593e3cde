package mutation

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/rules-mimalloc/rules_mimalloc/patcher"
)

// A Verdict is what became of a mutant.
type Verdict string

const (
	Refused Verdict = "refused"      // drift
	Right   Verdict = "right"        // as a compiler sees it, on every platform
	Late    Verdict = "late"         // accepted, and stopped by the patched header's own #error
	Loud    Verdict = "loud"         // accepted, and stopped by the compiler for another reason
	Silent  Verdict = "silent wrong" // accepted, and wrong without a word
	Unlaw   Verdict = "law broken"   // a second run or a revert does not do what it should
)

// ours marks the messages of the patched header's own checks.
const ours = "rules_mimalloc:"

// judge compares a header before and after the patch, by platform; where the
// patcher changed nothing, before is nil.
func judge(plain bool, on []platform, before, after []view) (Verdict, string) {
	verdict, reason := Right, ""
	worse := func(v Verdict, why string) {
		rank := []Verdict{Right, Loud, Late, Silent}
		if slices.Index(rank, v) > slices.Index(rank, verdict) {
			verdict, reason = v, why
		}
	}
	for i, p := range on {
		a := after[i]
		if !p.apple {
			if before != nil {
				if d := different(before[i], a); d != "" {
					worse(Silent, p.name+": "+d)
				}
			}
			continue
		}
		wrong := wrongOnApple(plain, a)
		if before != nil && before[i].on["MI_HAS_TLS_SLOT"] != a.on["MI_HAS_TLS_SLOT"] {
			wrong = "another MI_HAS_TLS_SLOT than before the patch"
		}
		stopped := Right
		for _, e := range a.errors {
			if strings.Contains(e, ours) {
				stopped = Late
			} else if stopped == Right {
				stopped = Loud
			}
		}
		switch {
		case stopped == Right && wrong != "" && a.broken():
			worse(Loud, p.name+": no C any more: "+wrong)
		case stopped != Right:
			worse(stopped, fmt.Sprintf("%s: %q; otherwise: %s", p.name, a.errors, wrong))
		case wrong != "":
			worse(Silent, p.name+": "+wrong)
		}
	}
	return verdict, reason
}

// different says how a platform that the patch is not for sees another header
// with it, "" where it does not.
func different(before, after view) string {
	if b, a := fmt.Sprint(before.errors), fmt.Sprint(after.errors); b != a {
		return "errors " + a + ", before the patch " + b
	}
	text := slices.Clone(after.text)
	const witness = "#define RULES_MIMALLOC_TLS 1" // on every platform, the last one of that name
	for i := len(text) - 1; i >= 0 && len(text) > len(before.text); i-- {
		if text[i] == witness {
			text = slices.Delete(text, i, i+1)
			break
		}
	}
	if b, a := strings.Join(before.text, "\n"), strings.Join(text, "\n"); b != a && tokens(b) != tokens(a) {
		return "another text or other macros than before the patch"
	}
	if b, a := fmt.Sprint(before.on, before.use), fmt.Sprint(after.on, after.use); b != a {
		return "state " + a + ", before the patch " + b
	}
	return ""
}

const (
	threadLocal = `\bextern [^;{}]*\b(?:__thread|_Thread_local|thread_local) `
	tested      = `(?:\( \( ! _mi_process_is_initialized \) \)|\( ! _mi_process_is_initialized \)|\( mi_unlikely \( ! _mi_process_is_initialized \) \)|mi_unlikely \( ! _mi_process_is_initialized \)|` +
		`\( \( ?__builtin_expect \( ! ! \( ! _mi_process_is_initialized \) , (?:0|false) \) \) \)|\( __builtin_expect \( ! ! \( ! _mi_process_is_initialized \) , (?:0|false) \) \)|` +
		`\( ! _mi_process_is_initialized \) \[ \[ unlikely \] \])`
)

var (
	variable = regexp.MustCompile(threadLocal + `mi_theap_t \* __mi_theap_default ;`)
	accessor = regexp.MustCompile(`\bstatic inline mi_theap_t \* _mi_theap_default \( void \) \{ if ` + tested +
		` return (?:__mi_theap_empty|_mi_theap_empty_get) \( \) ; return __mi_theap_default ; \}`)
	throughBarrier = regexp.MustCompile(`if ` + tested + ` return __mi_theap_empty \( \) ;`)
	barrier        = regexp.MustCompile(`\bstatic inline mi_theap_t \* __mi_theap_empty \( void \) \{ __asm \( "" \) ; return \( mi_theap_t \* \) & _mi_theap_empty ; \}`)

	plainVariable = regexp.MustCompile(threadLocal + `mi_heap_t \* _mi_heap_default ;`)
	plainAccessor = regexp.MustCompile(`\bstatic inline mi_heap_t \* mi_prim_get_default_heap \( void \) \{ (?:if ` + tested + `[^;]*; )?return _mi_heap_default ; \}`)

	accessorBody      = regexp.MustCompile(`_mi_theap_default \( void \) \{`)
	plainAccessorBody = regexp.MustCompile(`mi_prim_get_default_heap \( void \) \{`)
)

// wrongOnApple says what is not thread-local with its guard about a header
// that a 64-bit Apple system compiles, "" where it is.
func wrongOnApple(plain bool, v view) string {
	var text []string
	for _, line := range v.text {
		if !strings.HasPrefix(line, "#") {
			text = append(text, line)
		}
	}
	code := tokens(strings.Join(text, "\n"))
	use := strings.Fields(v.use)
	if len(use) < 1 || !slices.Contains([]string{"__thread", "_Thread_local", "thread_local"}, use[0]) || !slices.Equal(use[1:], users) {
		return "what the sources use means something else: " + v.use
	}
	var on []string
	for _, m := range models {
		if v.on[m] {
			on = append(on, m)
		}
	}
	once := func(what string, re *regexp.Regexp) string {
		if n := len(re.FindAllStringIndex(code, -1)); n != 1 {
			return fmt.Sprintf("%d times %s", n, what)
		}
		return ""
	}
	var found []string
	if plain {
		if len(on) > 0 || v.on["MI_TLS_SLOT"] {
			return fmt.Sprint("models where there should be none: ", on)
		}
		found = []string{declared(code, "mi_heap_t * _mi_heap_default ;", plainVariable), once("the accessor", plainAccessor), once("an accessor", plainAccessorBody)}
	} else {
		if len(on) != 1 || on[0] != models[0] && on[0] != models[1] {
			return fmt.Sprint("models: ", on)
		}
		if !v.on["MI_HAS_TLS_SLOT"] {
			return "MI_HAS_TLS_SLOT is off"
		}
		found = []string{declared(code, "mi_theap_t * __mi_theap_default ;", variable), once("the accessor with its guard", accessor), once("an accessor", accessorBody)}
		if throughBarrier.MatchString(code) {
			found = append(found, once("the barrier", barrier))
		}
	}
	for _, f := range found {
		if f != "" {
			return f
		}
	}
	return ""
}

// declared checks that every declaration of a variable is thread-local.
func declared(code, declaration string, threadLocal *regexp.Regexp) string {
	if n, all := len(threadLocal.FindAllStringIndex(code, -1)), strings.Count(code, declaration); n < 1 || n != all {
		return fmt.Sprintf("%d of %d declarations of the variable are thread-local", n, all)
	}
	return ""
}

// broken reports whether a compiler proper would stop, where the preprocessor
// goes on: brackets that do not pair up, no meaning of mi_decl_thread, or an
// accessor that there is not, or twice.
func (v view) broken() bool {
	if strings.HasPrefix(v.use, "mi_decl_thread ") {
		return true
	}
	depth, accessors := map[string]int{}, 0
	for _, line := range v.text {
		if strings.HasPrefix(line, "#") {
			continue
		}
		code := tokens(line)
		if accessorBody.MatchString(code) || plainAccessorBody.MatchString(code) {
			accessors++
		}
		for token := range strings.FieldsSeq(code) {
			switch token {
			case "(", "{", "[":
				depth[token]++
			case ")":
				depth["("]--
			case "}":
				depth["{"]--
			case "]":
				depth["["]--
			}
		}
	}
	return accessors != 1 || depth["("] != 0 || depth["{"] != 0 || depth["["] != 0
}

// tokens writes text with one blank between all tokens.
func tokens(s string) string {
	var b strings.Builder
	b.Grow(len(s) * 5 / 4)
	word := func(c byte) bool {
		return c == '_' || c == '$' || c >= 0x80 || c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
	}
	for i := 0; i < len(s); {
		c, j := s[i], i+1
		switch {
		case c == ' ' || c >= '\t' && c <= '\r':
			i = j
			continue
		case word(c):
			for j < len(s) && word(s[j]) {
				j++
			}
		case c == '"' || c == '\'':
			for j < len(s) && s[j] != c && s[j] != '\n' {
				if s[j] == '\\' {
					j++
				}
				j++
			}
			j = min(j+1, len(s))
		}
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(s[i:j])
		i = j
	}
	return b.String()
}

// laws checks a plan against the patcher's promises: a second run changes
// nothing, and taking the patch back restores every byte.
func laws(tree patcher.Tree, plan *patcher.Plan) error {
	header := plan.Report.Header
	src := tree[header]
	if plan.Report.Status != patcher.Patched {
		if string(plan.Content) != string(src) {
			return fmt.Errorf("status %s, and another content", plan.Report.Status)
		}
		return nil
	}
	again := make(patcher.Tree, len(tree))
	for name, text := range tree {
		again[name] = text
	}
	again[header] = plan.Content
	second, err := patcher.NewPlan(again)
	switch {
	case err != nil:
		return fmt.Errorf("the patched header: %w", err)
	case second.Report.Status != patcher.AlreadyPatched || string(second.Content) != string(plan.Content):
		return fmt.Errorf("a second run comes to %s", second.Report.Status)
	}
	reverted, was, err := patcher.Revert(header, plan.Content)
	if err != nil || !was || string(reverted) != string(src) {
		return fmt.Errorf("a revert does not restore the header: %v", err)
	}
	return nil
}
