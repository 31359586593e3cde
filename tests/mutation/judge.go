package mutation

import (
	"crypto/sha256"
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
	Late    Verdict = "late"         // accepted, wrong, and stopped by nothing but the patched header's own #error
	Loud    Verdict = "loud"         // accepted, wrong, and no C any more: a compiler refuses it
	Silent  Verdict = "silent wrong" // accepted, and wrong without a word
	Unlaw   Verdict = "law broken"   // a second run or a revert does not do what it should
)

// ours marks the messages of the patched header's own checks.
const ours = "rules_mimalloc:"

// A judge compares headers before and after the patch, by platform.
type judge struct {
	compile func(t *trial, p platform) (Verdict, string, error) // of the worker
	apple   map[[32]byte]string                                 // what wrongOnApple said, by what it saw
}

// sees gives a verdict on what a preprocessor made of a mutant; where the
// patcher changed nothing, before is nil. A compiler proper has the last word on
// a header that seems wrong or stopped: it may be no C any more, so that there is
// no build that is wrong. Without a trial it is not asked.
func (j *judge) sees(t *trial, plain bool, on []platform, before, after []*view) (Verdict, string, error) {
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
			if before != nil && before[i] != nil {
				if d := different(before[i], a); d != "" {
					worse(Silent, p.name+": "+d)
				}
			}
			continue
		}
		wrong := j.wrongOnApple(plain, a)
		if before != nil && before[i] != nil && before[i].on("MI_HAS_TLS_SLOT") != a.on("MI_HAS_TLS_SLOT") {
			wrong = "another MI_HAS_TLS_SLOT than before the patch"
		}
		stopped := Silent
		if slices.ContainsFunc(a.errors, func(e string) bool { return strings.Contains(e, ours) }) {
			stopped, wrong = Late, fmt.Sprintf("%q; otherwise: %s", a.errors, wrong)
		}
		if wrong == "" {
			continue
		}
		why := ""
		if t != nil {
			var err error
			if stopped, why, err = j.compile(t, p); err != nil {
				return "", "", err
			}
		}
		worse(stopped, p.name+": "+wrong+"; a compiler: "+why)
	}
	return verdict, reason, nil
}

const witness = "#define RULES_MIMALLOC_TLS 1" // on every platform, the last one of that name

// different says how a platform that the patch is not for sees another header
// with it, "" where it does not.
func different(before, after *view) string {
	if b, a := fmt.Sprint(before.errors), fmt.Sprint(after.errors); b != a {
		return "errors " + a + ", before the patch " + b
	}
	if before.state != after.state || before.use != after.use {
		return "state " + after.state + after.use + ", before the patch " + before.state + before.use
	}
	if before.text == after.text || before.text == strings.Replace(after.text, witness+"\n", "", 1) {
		return ""
	}
	was, text := lines(before.text), lines(after.text)
	for i := len(text) - 1; i >= 0 && len(text) > len(was); i-- {
		if text[i] == witness {
			text = slices.Delete(text, i, i+1)
			break
		}
	}
	if b, a := strings.Join(was, "\n"), strings.Join(text, "\n"); b != a && tokens(b) != tokens(a) {
		return "another text or other macros than before the patch"
	}
	return ""
}

// lines returns the lines of a text that are not blank, without what is blank
// around them.
func lines(text string) []string {
	var list []string
	for line := range strings.SplitSeq(text, "\n") {
		if line = strings.TrimSpace(line); line != "" {
			list = append(list, line)
		}
	}
	return list
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

// wrongOnApple is the function of that name, which takes its time, for views
// that many mutants have in common.
func (j *judge) wrongOnApple(plain bool, v *view) string {
	key := sha256.Sum256(fmt.Append(nil, plain, v.use, "\n", v.state, "\n", v.text))
	said, ok := j.apple[key]
	if !ok {
		said = wrongOnApple(plain, v)
		j.apple[key] = said
	}
	return said
}

// wrongOnApple says what is not thread-local with its guard about a header
// that a 64-bit Apple system compiles, "" where it is.
func wrongOnApple(plain bool, v *view) string {
	var text []string
	for _, line := range lines(v.text) {
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
		if v.on(m) {
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
		for _, m := range plainOthers {
			if v.on(m) {
				on = append(on, m)
			}
		}
		if len(on) > 0 {
			return fmt.Sprint("models where there should be none: ", on)
		}
		found = []string{declared(code, "mi_heap_t * _mi_heap_default ;", plainVariable), once("the accessor", plainAccessor), once("an accessor", plainAccessorBody)}
	} else {
		if len(on) != 1 || on[0] != models[0] && on[0] != models[1] {
			return fmt.Sprint("models: ", on)
		}
		if !v.on("MI_HAS_TLS_SLOT") {
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

// tokens writes text with one blank between all tokens.
func tokens(s string) string {
	var b strings.Builder
	b.Grow(len(s) * 5 / 4)
	for i := 0; i < len(s); {
		c, j := s[i], i+1
		switch {
		case c == ' ' || c >= '\t' && c <= '\r':
			i = j
			continue
		case isWord(c):
			for j < len(s) && isWord(s[j]) {
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
