#include "launch/cli/cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "io/fsutil.h"

static const pno_command *find_command(const char *name) {
  for (int i = 0; i < pno_n_commands; i++)
    if (strcmp(name, pno_commands[i].name) == 0) return &pno_commands[i];
  return NULL;
}

static pno_status no_command(const char *name) {
  const char *names[64];
  for (int i = 0; i < pno_n_commands; i++) names[i] = pno_commands[i].name;
  const char *near = pno_nearest(name, names, pno_n_commands);
  pno_fail(PNO_E_USAGE, "%.60s: no such command", name);
  return near ? pno_hint(PNO_E_USAGE, "did you mean %s?   see: pno help", near) : pno_hint(PNO_E_USAGE, "see: pno help");
}

static pno_status no_option(const pno_command *c, const char *name) {
  const char *names[CLI_OPTIONS + 5] = {"help", "version", "site", "verbose", "device"};
  int n = 5;
  for (int i = 0; c && i < CLI_OPTIONS && c->options[i].name; i++) names[n++] = c->options[i].name;
  const char *near = pno_nearest(name, names, n);
  pno_fail(PNO_E_USAGE, "--%.60s: no such option%s%s", name, c ? " of " : "", c ? c->name : "");
  const char *of = c ? c->name : "";
  return near ? pno_hint(PNO_E_USAGE, "did you mean --%s?   see: pno help %s", near, of)
              : pno_hint(PNO_E_USAGE, "see: pno help %s", of);
}

/* section.key=value: letters, digits and underscores around one dot before the sign. */
static bool is_override(const char *word) {
  static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789_";
  const size_t section = strspn(word, letters);
  if (section == 0 || word[section] != '.') return false;
  const char *key = word + section + 1;
  const size_t n = strspn(key, letters);
  return n > 0 && key[n] == '=';
}

/* One --name, --name=value or --name value; *used: words it took. */
static pno_status take_option(pno_cli *cli, const char *word, const char *next, int *used) {
  char name[64];
  const char *equals = strchr(word, '=');
  const size_t n = equals ? (size_t)(equals - word) : strlen(word);
  *used = 1;
  if (n >= sizeof name) return no_option(cli->command, word);
  memcpy(name, word, n);
  name[n] = '\0';
  if (strcmp(name, "help") == 0) cli->help = true;
  if (strcmp(name, "quiet") == 0) cli->quiet = true;
  if (strcmp(name, "verbose") == 0) cli->verbose = true;
  if (strcmp(name, "version") == 0) cli->version = true;
  if (cli->help || cli->version || strcmp(name, "quiet") == 0 || strcmp(name, "verbose") == 0) return PNO_OK;
  const char **global = strcmp(name, "site") == 0 ? &cli->site : strcmp(name, "device") == 0 ? &cli->device : NULL;
  const pno_cli_option_row *row = NULL;
  int at = 0;
  for (; cli->command && at < CLI_OPTIONS && cli->command->options[at].name && !row; at++)
    if (strcmp(name, cli->command->options[at].name) == 0) row = &cli->command->options[at];
  if (!row && !global) return no_option(cli->command, name);
  const char *argument = global == &cli->site ? "FILE" : global ? "NAME" : row->argument;
  const char *value = equals ? equals + 1 : "";
  if (!argument && equals) return pno_fail(PNO_E_USAGE, "--%s takes no value", name);
  if (argument && argument[0] != '=' && !equals) {
    if (!next) return pno_fail(PNO_E_USAGE, "--%s needs a value: %s", name, argument);
    value = next;
    *used = 2;
  }
  *(global ? global : &cli->option[at - 1]) = value;
  return PNO_OK;
}

static pno_status take_short(pno_cli *cli, const char *word, const char *next, int *used) {
  *used = 1;
  if (strcmp(word, "-q") == 0)
    cli->quiet = true;
  else if (strcmp(word, "-v") == 0)
    cli->verbose = true;
  else if (strcmp(word, "-h") == 0)
    cli->help = true;
  else if (strcmp(word, "-o") == 0)
    return take_option(cli, "output", next, used);
  else
    return pno_hint(pno_fail(PNO_E_USAGE, "%.60s: no such option", word), "see: pno help");
  return PNO_OK;
}

static pno_status take_word(pno_cli *cli, const char *word) {
  if (!cli->command) {
    cli->command = find_command(word);
    return cli->command ? PNO_OK : no_command(word);
  }
  if (is_override(word)) {
    if (cli->n_overrides == CLI_OVERRIDES) return pno_fail(PNO_E_USAGE, "more than %d overrides", CLI_OVERRIDES);
    cli->overrides[cli->n_overrides++] = word;
    return PNO_OK;
  }
  if (cli->n_args == CLI_ARGS) return pno_fail(PNO_E_USAGE, "more than %d arguments", CLI_ARGS);
  cli->args[cli->n_args++] = word;
  return PNO_OK;
}

pno_status pno_cli_parse(int argc, char **argv, pno_cli *out) {
  pno_cli cli = {0};
  int used;
  for (int i = 1; i < argc; i += used) {
    const char *word = argv[i], *next = i + 1 < argc ? argv[i + 1] : NULL;
    used = 1;
    if (strncmp(word, "--", 2) == 0)
      PNO_TRY(take_option(&cli, word + 2, next, &used));
    else if (word[0] == '-' && word[1] != '\0')
      PNO_TRY(take_short(&cli, word, next, &used));
    else
      PNO_TRY(take_word(&cli, word));
  }
  if (!cli.command && !cli.help && !cli.version)
    return pno_hint(pno_fail(PNO_E_USAGE, "no command"), "see: pno help");
  PNO_TRY(pno_config_create(&cli.config));
  *out = cli;
  return PNO_OK;
}

/* Words of $PNO_OPTS are overrides. */
static pno_status take_environment(pno_config *c) {
  const char *at = getenv("PNO_OPTS");
  while (at && *at) {
    char word[1200];
    at += strspn(at, " \t\n");
    const size_t n = strcspn(at, " \t\n");
    if (n == 0) break;
    if (n >= sizeof word) return pno_fail(PNO_E_USAGE, "$PNO_OPTS: a word of %zu bytes", n);
    memcpy(word, at, n);
    word[n] = '\0';
    PNO_TRY(pno_fail_in(pno_config_set(c, word, "$PNO_OPTS"), "$PNO_OPTS"));
    at += n;
  }
  return PNO_OK;
}

/* security.umask for all files of this process. Bits of the owner stay: a run must be able to read its own files. */
static pno_status apply_umask(const pno_config *c) {
  const char *text = pno_config_text(c, PNO_KEY_SECURITY_UMASK);
  char *end;
  const unsigned long mask = strtoul(text, &end, 8);
  if (text[0] < '0' || text[0] > '7' || *end != '\0' || mask > 077)
    return pno_hint(pno_fail(PNO_E_USAGE, "security.umask: '%.20s' is not allowed", text),
                    "octal 000..077, default 077: only the owner may read");
  pno_fs_set_umask((mode_t)mask);
  return PNO_OK;
}

/* --device stands for the key on all commands, so that a run records it like one given in full. */
static pno_status take_device(pno_cli *cli) {
  char word[80];
  if (!cli->device) return PNO_OK;
  snprintf(word, sizeof word, "%s=%.40s", pno_key_name(PNO_KEY_PARALLEL_DEVICE), cli->device);
  return pno_config_set(cli->config, word, "cli");
}

pno_status pno_cli_configure(pno_cli *cli, const char *file) {
  const char *site = cli->site ? cli->site : getenv("PNO_SITE_CONFIG");
  if (site && *site) PNO_TRY(pno_config_load(cli->config, site));
  if (file) PNO_TRY(pno_config_load(cli->config, file));
  PNO_TRY(take_environment(cli->config));
  for (int i = 0; i < cli->n_overrides; i++) PNO_TRY(pno_config_set(cli->config, cli->overrides[i], "cli"));
  PNO_TRY(take_device(cli));
  return apply_umask(cli->config);
}

const char *pno_cli_option(const pno_cli *cli, const char *name) {
  for (int i = 0; i < CLI_OPTIONS && cli->command->options[i].name; i++)
    if (strcmp(name, cli->command->options[i].name) == 0) return cli->option[i];
  return NULL;
}

pno_status pno_cli_count(const pno_cli *cli, const char *name, long least, long usual, long *out) {
  const char *text = pno_cli_option(cli, name);
  char *end;
  errno = 0;
  const long value = text ? strtol(text, &end, 10) : usual;
  if (text && (errno || *end || end == text || value < least || value > INT32_MAX))
    return pno_fail(PNO_E_USAGE, "--%s: '%.40s' is no number of %s", name, text, name);
  *out = value;
  return PNO_OK;
}

bool pno_cli_rank0(const pno_cli *cli) { return pno_comm_rank(cli->comm) == 0; }

void pno_cli_say(const pno_cli *cli, const char *fmt, ...) {
  if (cli->quiet || !pno_cli_rank0(cli)) return;
  va_list ap;
  va_start(ap, fmt);
  vprintf(fmt, ap);
  va_end(ap);
  fflush(stdout);
}
