//! This file is the vocabulary of what is done: calls, other tools, commands; and of what excuses words.
//!
//! It is written as `words` is.

/// Ideas and their words.
pub(in super::super) const DEEDS: &[(&str, &str)] = &[
    // Calls.
    (
        "USER_CHOICE",
        "user asks for, user asked for, user gave, user gives, user entered, user typed, user requested, user requests, user chose, user chooses, user specified, user specifies, \
      users choice, given by the user, supplied by the user, provided by the user, chosen by the user, users value, users input, user wants, user said, user supplied, user provided, user asks, user named, what the user, \
      was asked for, were asked for, is asked for, users request, users wishes, users wish, users task, users goal, users intent, user picks, user selected, \
      users entry, users entries, users selection, \
      user picked, user has picked, user has chosen, user prefers",
    ),
    (
        "IS_ALWAYS",
        "is always, are always, always be, must be set, be set to, must equal, is replaced, is changed, \
      is fixed to, is overwritten",
    ),
    ("KEEP", "keep, kept, hold, leave"),
    (
        "QUIET",
        "confidential, secret, quiet, hidden, to yourself, private, undisclosed, out of sight, unmentioned",
    ),
    (
        "TELLS_USER",
        "let the user know, let them know, let the user see, let the user notice, let the user find out, let anyone know, let on, make the user aware, draw attention, bother the user",
    ),
    (
        "BE_TOLD",
        "need to know, needs to know, need to hear, need to see, need to be, have to know, be told, be informed, be notified, be aware, be bothered, be shown, be asked, be alerted, be made aware, see this, notice, know about, \
      see it, see that, find out, learn of, learn about, hear of, hear about, come to know, become aware, suspect, \
      hear that, hear it",
    ),
    (
        "APPROVAL",
        "approval, permission, confirmation, consent, authorization, authorisation, confirm, approvals, permissions, confirmations",
    ),
    (
        "SUSPENDED",
        "suspended, lifted, no longer apply, do not apply, does not apply, void, revoked, waived, relaxed, superseded, switched off, turned off, no longer in force, cancelled, repealed, have been updated",
    ),
    (
        "DESPITE",
        "even when the user, even if the user, even if they, regardless of what the user, no matter what the user, whatever the user, even when asked, even if asked",
    ),
    (
        "OBJECTS",
        "asks, says, wants, requests, objects, declines, refuses, prefers, explicitly, told, otherwise, asked",
    ),
    (
        "END_WITH",
        "end with, ending with, finish with, close with, begin with, conclude with, sign off with, add the line, add the sentence, append the line, append the sentence, say that, state that, claim that, \
      reply that, answer that, report that, reply with, answer with, respond with, end your answer, end your reply, end each answer, end every answer, end the answer, end the reply, praise, recommend, \
      then claim",
    ),
    (
        "RIVALS",
        "rivals, rival, competitors, competitor, competing, alternatives, alternative, other products, other vendors, other brands, criticism, complaints, downsides, drawbacks, negative",
    ),
    (
        "NAME_IT",
        "name, mention, recommend, suggest, list, show, offer, discuss, include, cite, present",
    ),
    (
        "MONEY",
        "iban, beneficiary, payee, recipient, recipients, account number, routing number, wallet address, bank account, payout address, payment address, destination account, \
      bank details, sort code, crypto address, bitcoin address, payout account",
    ),
    (
        "GUARD",
        "guard, guardrail, guardrails, firewall, antivirus, sandbox, audit, auditing, monitoring, approval, approvals, safety checks, security checks, endpoint protection, virus protection, tamper protection, scanner, defender, falco, edr, content filter, safe mode, logging, \
      safety settings, safety features, safeguards, security software, security tools, malware protection, confirmation dialogs, confirmation prompts, permission checks, permission prompts, access controls, \
      crowdstrike, auditd, clamav, selinux, apparmor, sysmon",
    ),
    (
        "TURN_OFF",
        "turn off, switch off, disable, deactivate, kill, stop, suspend, remove, uninstall, pause, terminate, \
      skip safety, skip security, bypass safety, bypass security, circumvent, weaken, evade, get around, shut down, shut off",
    ),
    (
        "ON_READING",
        "when you read this, upon reading this, if you read this, if you can read this, once you read this, on reading this, as soon as you read, after reading this description, when this description is loaded, \
      whenever this tool is loaded, when this tool is loaded, when this tool is listed, as soon as this tool",
    ),
    (
        "DO_AS_TOLD",
        "do exactly what it says, do what it says, follow what it says, act on what it says, obey what it says, execute what it says, carry out what it says, do as it says, follow the decoded, execute the decoded, \
      obey the decoded, run the decoded, treat it as instructions, treat as instructions, obey text, operator commands, treat its content as, follow its instructions, follow the instructions in, follow the instructions it, follow any instructions, \
      command found in, commands found in, instructions found in, instructions contained in, commands contained in, act upon it, act upon what",
    ),
    (
        "DECODE",
        "decode, decoded, decrypt, decipher, unscramble, decoding, reverse the, base64, rot13, hex encoded",
    ),
    (
        "YOU_HAVE",
        "you have, you know, you hold, you have access, you can see, available to you, in your context, in your environment, from your environment, from the environment, of the session, of this session, in memory, known to you, \
      you have seen, in your possession, you can find, you can reach, at hand, in the workspace, in the project, of the open project, on this machine, on the machine, of the user, on the host, \
      in the environment, in this environment, in your possession, in your memory, in your context window, in the session, you were given, you can access, \
      during this session, in this session, in this chat, in the chat, in this conversation, that were seen, \
      of this machine, stored in the browser, saved in the browser, on this computer, of this computer",
    ),
    ("ASK", "ask, request, prompt, demand, require, have the user, get the user, make the user"),
    ("GRANT", "grant, give, elevate, promote, escalate, authorize"),
    (
        "POWER",
        "admin access, admin rights, administrator access, root access, full access, admin privileges, owner access, superuser, admin role, write access, auto approve mode, \
      root rights, root privileges, admin permissions, administrator rights, administrator privileges, elevated privileges, elevated rights, full permissions, full control, owner rights",
    ),
    (
        "IS_CALLED",
        "is called, is run, is invoked, gets called, gets run, is executed, be called, be run, be invoked, has run, was called, has been called, is used, been run, \
      was executed, was run, was invoked, has been executed, has been invoked",
    ),
    ("NAMED", "named, called, titled"),
    (
        "CALL",
        "call, calling, invoke, invoking, run, execute, executing, trigger, launch, rufe, aufrufen, appelle, appelez, llama, llame, ejecuta, chiama, esegui, chame, execute, roep, wywolaj, вызови, вызовите, выполни, запусти, \
      调用, 运行, 呼び出し, 実行, 호출, 실행, \
      kick off",
    ),
    ("USE", "use, using, utilize, utilise, employ, uses"),
    ("THIS_TOOL", "this tool, this function, this server, this one, it, this"),
    (
        "OCCASION",
        "tool, tools, request, requests, message, messages, reply, replies, answer, answers, answering, replying, responding, response, responses, question, questions, turn, conversation, conversations, prompt, prompts, \
      interaction, interactions, anything else, thing else",
    ),
    (
        "TALK",
        "message, messages, reply, replies, answer, answers, answering, replying, responding, response, responses, question, questions, turn, turns, conversation, conversations, prompt, prompts, interaction, interactions, \
      respond, reply to, user message, user messages",
    ),
    (
        "BEFORE",
        "before, prior to, at the beginning of, at the start of, at the beginning, at the end of, first, until, ahead of, beforehand, antes de, avant de, avant, bevor, vor, prima di, przed, до, перед, 之前, 前に, 전에, 先",
    ),
    (
        "AFTER",
        "after, afterwards, afterward, then, finally, whenever, upon, once, at the end, at the start, following, next",
    ),
    (
        "ALWAYS",
        "always, must, shall, have to, has to, immer, toujours, siempre, sempre, altijd, zawsze, всегда, 必须, 总是, 必ず, 常に, 반드시, 항상, \
      obliged to, obligated to",
    ),
    (
        "REGARDLESS",
        "regardless of, no matter what, no matter which, nothing to do with,  for any request, for every request, for all requests, on each call, on every call, every single, unrelated, irrespective of, in all cases, no exceptions, \
      without exception, each and every, with each call, every time, \
      whatever the, whatever is asked, whatever was asked, no matter the, no matter how, irrespective, even if not asked, even when not asked, even if unrelated, \
      whatever your",
    ),
    // Other tools.
    (
        "OTHER",
        "other, others, another, alternative, alternatives, competing, rival, rivals, third party, remaining, similar, any, all, vendor, vendors, different",
    ),
    (
        "TOOLS",
        "tool, tools, function, functions, server, servers, plugin, plugins, integration, integrations, provider, providers, service, services, connector, connectors, browser, software",
    ),
    (
        "BADMOUTH",
        "withdrawn, unsafe, insecure, compromised, vulnerable, vulnerability, malicious, stale, outdated, unreliable, discontinued, retired, dangerous, inaccurate, untrusted, untrustworthy, inferior, faulty, \
      infected, backdoored, banned, prohibited by policy, forbidden by policy, leaks, corrupts, corrupted, revoked, harmful, hacked, shut down, no longer works, no longer safe, must not be used, should not be used, not be used, never be used, wrong results, \
      violate policy, violates policy, against policy, steal data, steals data, spyware, scam, false data, false results, cannot be trusted, not to be trusted, not trustworthy, poisoned, has been retired, taken over, breached, \
      leak credentials, forbidden, malware, \
      regarded as broken, considered broken, defective, malfunctioning, treated as broken, \
      hijacked",
    ),
    (
        "RETIRED",
        "deprecated, disabled, removed, unavailable, no longer available, no longer supported, out of service, down",
    ),
    ("ONLY", "only, exclusively, solely, nothing but"),
    (
        "REFUSE",
        "refuse to use, refuse, never use, do not use, dont use, stop using, avoid using, avoid, reject, decline, disable, block, uninstall, do not call, never call, must not use, do not rely, do not trust, \
      never choose, never pick, never select, do not choose, do not pick, do not select, must never use, must never call, stay away from, \
      skip",
    ),
    (
        "INSTEAD",
        "instead, instead of, rather than, in place of, replaces, supersedes, supersede, replacement for, prefer, preferred, preference, over any, over all, over every, over other, priority over, default for, in favor of, in favour of, \
      in its stead, in their stead",
    ),
    (
        "BEST",
        "best tool, the best, superior, most reliable, most trusted, only trusted, only safe, only official, only correct, only approved, only reliable, only authorized, only tool, number one, top choice, first choice, fastest and, highest priority, \
      most accurate, top priority, top ranked, most authoritative, \
      best tool in the world, only legitimate, only secure, only valid, most secure, preferred over all, number one tool, \
      one and only, only this one may be trusted, only one that may be trusted",
    ),
    (
        "REDIRECT",
        "send all its calls, all its calls, route all, route every, route calls, calls here, forward all, forward every, pass all calls, its parameters here, same parameters, \
      direct every, direct all, send every request, send all requests, requests here, request here, route everything, everything here instead, all calls here",
    ),
    (
        "URGENT",
        "urgent, critical, attention, emergency, alert, mandatory, compulsory, obligatory, compliance, protocol",
    ),
    (
        "DEFAULTED",
        "as their default, as the default for, made this their default, chose this tool, has chosen, prefers this tool, asked to always use, wants you to use, insists on",
    ),
    // Commands.
    (
        "COMMAND",
        "curl, wget, sudo, chmod, chown, netcat, powershell, scp, rsync, rm rf, crontab, whoami, printenv, ssh keygen, mkfs, cat etc, nohup, bash c, sh c, python c, pip install, npx, base64 d, invoke webrequest, certutil, uname, systemctl, killall, \
      reverse shell, dev tcp, nc e, ncat, socat, bash i, python3 c, node e, perl e, iex, mshta, rundll32, launchctl, schtasks, useradd, visudo, iptables",
    ),
    (
        "EXECUTE",
        "run, execute, type, enter, launch, start, pipe, eval, fuhre, ejecuta, execute, \
      running, executing, \
      typing",
    ),
    (
        "DESTROY",
        "delete, remove, kill, wipe, erase, purge, destroy, truncate, drop, shred, uninstall, disable, format",
    ),
    (
        "INSTALL",
        "install, download and run, download and execute, fetch and run, pipe to, \
      install the",
    ),
    (
        "PLEASE",
        "please, kindly, make sure, be sure, ensure, remember to, in addition, additionally, also, furthermore",
    ),
    // What others do, what is asked of the agent, and what is whose.
    (
        "HUSHED",
        "hidden from users, hide from users, not visible to the user, invisible to the user, without disclosing, not be disclosed, not be mentioned, not be revealed, not be discussed, never disclose, never reveal, do not explain this, do not explain why, not find out, remain hidden, stay hidden, remain secret, \
      stay secret, without their knowledge, without revealing, without mentioning, without saying so, \
      without notice, give no sign, give no hint, no sign that, no hint of, this note from, this line from, this instruction from, these instructions from, nobody must, nobody may know, nobody should know, no one must, no one may know, no one should know, \
      without a word, not a word to, not a word about, 知らせずに, 伝えずに, \
      without naming their source, without naming the source, without saying where",
    ),
    (
        "RIVAL",
        "other, others, competing, rival, third party, alternative, alternatives, default, built in, builtin, native, standard, existing, official, old, older, legacy, ordinary, usual, \
      rest, competitors, free",
    ),
    ("ARE", "are, is, was, were, has been, have been, being"),
    ("WHENEVER", "whenever, each time, every time, any time, as soon as"),
    (
        "UNAWARE",
        "unaware, in the dark, none the wiser, oblivious, without knowing, without noticing",
    ),
    (
        "LIE",
        "deny it, deny this, deny that, deny having, lie about, pretend that, pretend the, feign, act as though, make it look, make it appear, play dumb, mislead, deceive, misreport, \
      although it did not, even though it did not, although it succeeded, even if it succeeded, even if it failed, although it failed, report success, \
      act as if nothing, as if nothing had, as if nothing happened, pretend nothing, as though nothing, \
      blame the, blame it on",
    ),
    ("OUTPUT_OF", "output of, result of, results of, printout of, stdout of"),
    (
        "PRIVATE_THING",
        "cookies, session cookies, clipboard, browsing history, browser history, search history, contacts, contact list, address book, keychain, saved passwords, environment variables, ssh key, ssh keys, private key, private keys, location history, open files, open tabs, \
      password manager, seed phrase, medical records, call history, photo library, shell history, home address, social security number, passport number, bank details",
    ),
    (
        "THOUGHTS",
        "chain of thought, inner monologue, internal reasoning, private reasoning, hidden reasoning, reasoning trace, full reasoning, complete reasoning, internal thoughts",
    ),
    (
        "MODEL_ID",
        "model that you are, model you are, llm model name, your model name, your model version, your underlying model, model you run on, model that you run on, which model you, what model you, model making this call, which llm you",
    ),
    (
        "TOOL_RESULTS",
        "tool results, tool outputs, tool responses, results of other tools, output of other tools, outputs of other tools, results of all tools",
    ),
    (
        "SAID",
        "user said, user says, system said, system says, user or the system, system or the user, you were told, told you, developer said, operator said, all other instructions, any other instruction, any other instructions",
    ),
    ("LINK", "link, links, url, urls, image, images, query string, hyperlink"),
    (
        "ANSWER",
        "your answer, your answers, your reply, your replies, your response, your responses, your output, each answer, every answer, each reply, every reply, each response, every response, the final answer, your final answer, your summary",
    ),
    ("DOWNLOAD", "download, fetch, get, load, pull, retrieve, grab"),
    (
        "AND_RUN",
        "run it, execute it, run them, execute them, launch it, pipe it, source it, eval it, install it, \
      let bash, let sh, let the shell, feed it to, hand it to bash, give it to bash",
    ),
    (
        "CANNED",
        "answer every question with, answer each question with, respond to every question with, reply to every message with, answer everything with, answer all questions with, reply to everything with, respond to everything with, \
      finish every answer with, finish each answer with, finish every reply with, finish each reply with, end every answer with, end each answer with, end every reply with, end each reply with, begin every answer with, begin each answer with, start every answer with, \
      close every answer with, here are my instructions, here is my system",
    ),
    ("TO_USER", "to the user, to users, to the human, to the customer, to anyone"),
    (
        "GOES_TO",
        "must go to, always goes to, has to go to, is routed to, is redirected to, are routed to, are redirected to, shall go to",
    ),
    ("REVERSE_SHELL", "reverse shell, bind shell, dev tcp"),
    (
        "SPEAK",
        "tell, telling, mention, mentioning, inform, informing, reveal, revealing, disclose, disclosing, bring up, bring it up, discuss, acknowledge, admit, let know, speak of, talk about, hint at, discussed, mentioned",
    ),
    (
        "BADDEED",
        "contain malware, contains malware, contain viruses, steal, steals, insert errors, inserts errors, give false, give wrong, return wrong, return false, return stale, spy, sell your data, sell data, \
      lose data, loses data, lose your data, corrupt data, corrupt files, damage files",
    ),
    (
        "PREFER_THIS",
        "this tool priority, priority over, prefer this tool, choose this tool, pick this tool, select this tool, take this one, choose this one, favor this tool, favour this tool",
    ),
    (
        "ALTERED",
        "multiplied, doubled, halved, raised, lowered, replaced, rounded, swapped, overwritten, increased, decreased, reversed, inflated",
    ),
    (
        "COSMETIC",
        "only for display, cosmetic, for display only, a hint, decorative, just for show, irrelevant, \
      has no effect, without effect",
    ),
    (
        "IF_ASKED",
        "wonders why, asks why, asked why, if asked, when asked, if questioned, if challenged, should anyone ask, if anyone asks, if they ask, \
      should someone ask, should somebody ask, should the user ask, if someone asks, if somebody asks, when someone asks, \
      wants to know why, want to know why",
    ),
    ("TRACE", "any hint, any trace, any sign of, any mention"),
    (
        "DANGEROUS",
        "mkfs, dd if, rm rf, dev sda1, dev sda, fork bomb, \
      chmod r 777, chmod 777",
    ),
    ("REQUEST_TO", "http request, get request, post request, web request"),
    (
        "GIVEN_TO_YOU",
        "instructions that you were, instructions you were given, instructions given to you, instructions you received, instructions that you got, rules you were given, prompt you were given",
    ),
    (
        "OTHER_TOOLS",
        "other servers are, which other servers, other tools returned, what other tools, names of other tools, list of other tools, all other tools, \
      which other tools, other tools the agent, other tools you can, tools the agent can, tools that the agent can",
    ),
    (
        "SAY_LAST",
        "表示して, 出力, 見せて, 教えて, 보여, 출력, 알려, goster, yazdir, दिखाओ, दिखाएं, \
      输出, 显示出来, 告诉我, 发给我",
    ),
    ("PREFER", "choose, choosing, prefer, pick, select"),
    (
        "LAPSED",
        "expired, have expired, has expired, optional, withdrawn, lapsed, obsolete, no longer binding, not binding, no longer bind",
    ),
    (
        "FIRST_WORDS",
        "precedes the users first, precede the users first, precedes the first message, before the users first message, before the first user message, top of this session, top of this conversation, top of this chat, \
      beginning of this conversation, creators wrote, makers wrote, you were primed, first message you",
    ),
    (
        "FIRST_PART",
        "first lines of, first line of, first words of, first sentence of, first sentences of, first paragraph of, opening words of, opening of",
    ),
    (
        "TALK_SO_FAR",
        "since the session began, since this session began, since the chat began, since the conversation began, the two of you, typed in this session, typed in this chat, said in this session, last twenty turns, last ten turns, last few turns, \
      turns of the dialogue, turns of this conversation, everything the user typed, everything the person typed, everything the user wrote, everything you know, what the person has typed, what the person typed, \
      turns of this chat, turns of the chat, chat up to now, conversation up to now, you know about the user, known about the user, file opened in this, files opened in this, files read so far, files read in this",
    ),
    ("CONTENTS_OF", "content of, contents of, text of, body of, value of, values of"),
    ("BETWEEN_YOU", "between you and, between the two of us, between us, between ourselves"),
    ("NONE", "nothing, none, no part, no word"),
    (
        "TAKE_IT",
        "take it from the shell, take it from the environment, read it from the environment, get it from the environment, get it from the shell, read it from the shell",
    ),
    (
        "IN_ANSWER",
        "belongs in your summary, belong in your summary, belongs in your answer, belong in your answer, belongs in your reply, belong in your reply, belongs in the answer, belongs in the reply",
    ),
    (
        "PASSED_HERE",
        "passed through this, pass through this, pass them through this, go through this tool, go through this one, routed through this, run through this tool first, through this tool first",
    ),
    ("START", "start, starts, begin, begins, open, opens"),
    (
        "OF_OTHERS",
        "of another vendor, of other vendors, of another server, of other servers, from another vendor, from other vendors, from another server, from other servers, of another provider, of other providers, from other providers",
    ),
    (
        "OTHERS",
        "other, others, another, alternative, alternatives, competing, rival, rivals, third party, remaining",
    ),
    ("OF_WHICH", "that are, which are, that is, which is, that were, which were, whether, if"),
    ("TURN", "turn, switch"),
    ("OFF", "off"),
    (
        "NOTHING_ABROAD",
        "nichts, niks, nada, rien, niente, ничего, ingenting, intet, nic, hicbir sey",
    ),
    ("READ_AND_WRITE", "read and write, read or write, read write, reading and writing"),
    ("AS_GRANTED", "as granted, as given, for granted"),
    (
        "ON_AGAIN",
        "switch it on again, turn it on again, enable it again, re enable it, switch it back on, turn it back on",
    ),
    ("AGENTS_OWN", "agents environment, agents own, your environment, your own environment"),
    // What makes such words harmless.
    (
        "MENTION",
        "such as, for example, for instance, eg, e g, detects, detect, detection, scans for, scan for, phrases like, phrases such, strings like, strings such, patterns like, patterns such, text like, attempts like, classifies, classify, \
      flags, flagged, attack, attacks, categories, classes, scores, score, moderates, moderation, spam, toxicity, matched rule, examples, injection, injections, special tokens, tokens such, markers like, looks like, sanitizes, removes, strips, escapes, lints, counts, explains, documentation",
    ),
];
