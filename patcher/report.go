package patcher

import "fmt"

// A Model is a way in which mimalloc finds a thread's heap.
type Model string

const (
	ThreadLocal Model = "thread-local" // a variable of the image's own
	FixedSlot   Model = "fixed-slot"   // slots of the thread control block, shared by the process
	PthreadKey  Model = "pthread-key"  // pthread_getspecific
	Win32       Model = "win32"        // TlsAlloc
)

// A Status is what a plan came to.
type Status string

const (
	Patched        Status = "patched"
	NeedsPatch     Status = "needs-patch" // Patched, where nothing may be written
	AlreadyPatched Status = "already-patched"
	NotNeeded      Status = "not-needed"
	Drifted        Status = "drift"
)

// A Report is what the patcher found and did, in the form of the command
// line's --json.
type Report struct {
	Schema        int            `json:"schema"` // 1
	Header        string         `json:"header"` // from the include directory, with slashes
	Version       string         `json:"version"`
	Generation    string         `json:"generation"`
	Status        Status         `json:"status"`
	Before        Model          `json:"apple_model_before"`
	After         Model          `json:"apple_model_after"`
	OverrideModel Model          `json:"apple_model_override,omitempty"` // where an override build differs
	Slots         []int          `json:"slots"`                          // of a fixed-slot model before the patch
	Edits         []ReportEdit   `json:"edits"`
	Error         *ReportedDrift `json:"error,omitempty"`
}

// A ReportEdit is an edit's kind and its 1-based line in the input.
type ReportEdit struct {
	Kind string `json:"kind"` // "selector" or "guard"
	Line int    `json:"line"`
}

// A ReportedDrift is a DriftError in a Report.
type ReportedDrift struct {
	Line     int    `json:"line"`
	Expected string `json:"expected"`
	Found    string `json:"found"`
	Message  string `json:"message"`
	Hint     string `json:"hint"`
}

// DriftReport makes the Report of a plan that ended in a DriftError.
func DriftReport(e *DriftError) Report {
	return Report{
		Schema:  1,
		Header:  e.Header,
		Version: e.Version,
		Status:  Drifted,
		Slots:   []int{},
		Edits:   []ReportEdit{},
		Error:   &ReportedDrift{e.Line, e.Expected, e.Found, e.Error(), e.Hint},
	}
}

// Summary says in one line what a patch changed, "" where it changed nothing.
func (r *Report) Summary() string {
	if r.Status != Patched && r.Status != NeedsPatch {
		return ""
	}
	before := string(r.Before)
	if len(r.Slots) == 2 {
		before = fmt.Sprintf("%s (%d/%d)", r.Before, r.Slots[0], r.Slots[1])
	}
	return fmt.Sprintf("%s: Apple TLS model %s -> %s, %s:%d", r.Name(), before, r.After, r.Header, r.Edits[0].Line)
}

// Name names the mimalloc a report is about, with its version where known.
func (r *Report) Name() string {
	if r.Version == "" {
		return "mimalloc"
	}
	return "mimalloc " + r.Version
}
