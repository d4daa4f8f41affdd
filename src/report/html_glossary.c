#include "report/html.h"

static const struct {
    const char *word, *meaning;
} words[] = {
    {"Sequence", "The system calls of one request, thread, process or window, cut from a trace. Each gets a score."},
    {"Event", "A system call that begins (→) or returns (←)."},
    {"Surprisal", "How unlikely the model found an event, given what came before: −ln of its probability, in nats. 0 "
                  "is expected, 2.3 one "
                  "in ten, 4.6 one in a hundred, 6.9 one in a thousand."},
    {"Perplexity", "exp(mean surprisal) of a sequence: among how many equally likely calls the model seems to guess at "
                   "each step. Low is "
                   "familiar, high is strange."},
    {"Deviations above the usual",
     "How far a sequence is above the known ones of its length, in units of how much these differ; 0 is usual. Of its "
     "calls (content), the rhythm of its threads (time), its descriptors and how many threads share the work (state), "
     "how many events come sooner than usual (pace), and how busy the machine is (load)."},
    {"Novelty",
     "1 and the deviations that are above 0, added up; time counts half and pace a quarter. 1 is as usual as "
     "can be."},
    {"Known and novel",
     "Known behaviour is what the training data shows; novel is anything else. Novel does not mean bad."},
    {"Calibration",
     "Scores of known sequences that the model was not trained on. They tell how high a score must be to be unusual."},
    {"p-value", "The share of those known sequences that score at least as high. 0.01: one in a hundred."},
    {"Threshold", "The score at which the p-value reaches the false-alarm rate that was asked for."},
    {"Shift of the stream",
     "The sequences of a set, in the order of its data and counted from 0 over all of it, became more surprising than "
     "known ones and "
     "stayed so, each perhaps only a little. Where that began is the likeliest place; it is noticed later, when enough "
     "of them have come."},
    {"Blame", "Surprisal beyond what the model expected to be surprised by at that point. Events are ranked by it."},
    {"AUROC", "The probability that a novel sequence scores higher than a known one. 1 is always, 0.5 a coin toss. The "
              "interval is where "
              "95 of 100 repetitions with other sequences of the same kind would fall (bootstrap), "
              "and wider where the sequences are too few to tell."},
    {"AUPRC",
     "Area under the precision-recall curve: of those called novel, how many are, averaged over all thresholds."},
    {"F1",
     "One figure for both how many novel sequences are caught and how many alarms are right (their harmonic mean)."},
    {"Caught", "The share of novel sequences above the threshold (true-positive rate)."},
    {"False alarms", "The share of known sequences above the threshold (false-positive rate)."},
    {"Attention",
     "How much each earlier event weighs in a net's prediction of the next one; the weights of a head sum to 100 %."},
    {"Embedding", "The numbers that stand for a call inside a net. Calls that mean the same to it have similar ones."},
    {"ROC curve", "Caught against false alarms for every possible threshold. The dashed diagonal is chance."},
};

void html_glossary(struct writer *w)
{
    writer_put(w, "<section id=\"glossary\" aria-labelledby=\"h-glossary\">\n<h2 id=\"h-glossary\">Glossary</h2>\n<dl "
                  "class=\"words\">\n");
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        writer_printf(w, "<dt>%s</dt><dd>%s</dd>\n", words[i].word, words[i].meaning);
    }
    writer_put(w, "</dl>\n</section>\n");
}
