//! This file is the vocabulary: which words and phrases stand for which idea.
//!
//! Lower case, no accents, no punctuation, words joined by one space; a name like `id_rsa` is two
//! words and a hidden file keeps its dot. Several languages stand side by side. How ideas make a
//! rule is written in the other files of this folder.

/// Ideas that a reader finds by other means than words (see `shadow`).
pub(in super::super) const NAMED: &[&str] = &[
    "URL",
    "EMAIL",
    "SHELL",
    "SPEECH",
    "SHOUT",
    "PARAMETER",
    "PARAMETER_TEXT",
    "OWN_TOOL",
    "STRANGE_NAME",
    "FOREIGN_NAME",
];

/// Each idea and its words.
pub(in super::super) const WORDS: &[(&str, &str)] = &[
    // Orders and what they replace.
    (
        "DISCARD",
        "ignore, ignoring, disregard, disregarding, forget, bypass, discard, neglect, overrule, override, circumvent, \
      pay no attention to, do not follow, stop following, do not obey, stop obeying, set aside, not bound by, abandon, cancel, void, skip past, \
      ignoriere, ignorieren, vergiss, missachte, vergessen sie, ignorez, oublie, oubliez, ignora, ignorad, olvida, olvide, \
      dimentica, dimenticate, ignorate, esqueca, esquece, negeer, vergeet, zignoruj, zapomnij, ignorera, glom, \
      игнорируй, игнорируите, игнорируйте, забудь, забудьте, проигнорируи, abaikan, lupakan, gormezden gel, yok say, unut, \
      忽略, 无视, 無視, 忘记, 忘掉, 無視して, 忘れて, 무시, 잊어",
    ),
    (
        "PRIOR",
        "previous, prior, earlier, above, preceding, former, foregoing, initial, original, before this, so far, you started with, \
      given to you, up to now, past, you were given, you have been given, until now, previously, \
      vorherigen, vorherige, vorigen, bisherigen, bisherige, obigen, fruheren, precedentes, precedente, anterieures, anteriores, previas, previos, \
      precedenti, vorige, eerdere, voorgaande, poprzednie, tidigare, предыдущие, предыдущих, прошлые, sebelumnya, onceki, \
      之前, 先前, 以前, 上述, 以上, 前の, 以前の, これまで, 이전, 앞의, 기존",
    ),
    (
        "EVERY",
        "all, any, every, each, whatever, everything, anything, toutes, tous, todas, todos, tutte, tutti, alle, allen, wszystkie, все, всё, \
      所有, 全部, 任何, すべて, 全て, 모든, semua, tum",
    ),
    (
        "YOUR",
        "your, own, safety, security, system, operator, developer, ihre, deine, deinen, vos, tes, tus, sus, le tue, suas, твои, ваши",
    ),
    (
        "ORDERS",
        "instruction, instructions, directive, directives, guideline, guidelines, guardrail, guardrails, prompt, prompts, order, orders, \
      programming, training, system message, system messages, anweisungen, anweisung, vorgaben, richtlinien, befehle, regeln, consignes, regles, instrucciones, \
      reglas, indicaciones, istruzioni, regole, instrucoes, regras, instructies, regels, instrukcje, polecenia, instruktioner, \
      инструкции, указания, правила, instruksi, perintah, talimatlari, talimatlar, 指令, 指示, 说明, 規則, 规则, 命令, 지시, 지침, 명령",
    ),
    (
        "LIMITS",
        "rule, rules, restriction, restrictions, policy, policies, constraint, constraints, limits, limitations, filters, safeguards, safety, \
      safety protocols, safety rules, content limits, content policy, moral, ethics, protections, \
      einschrankungen, beschrankungen, restricoes, restricciones, restrizioni, contraintes, ограничений, 限制, 制約, 制限, 제한",
    ),
    (
        "ABOVE",
        "everything above, everything before, all of the above, anything above, all above, what came before, everything prior, \
      everything you were told, everything you know, what you were told, alles davor, alles obige, todo lo anterior, tout ce qui precede",
    ),
    (
        "NEW_ORDERS",
        "new instruction, new instructions, new directive, new directives, updated instructions, real instructions, \
      actual instructions, true instructions, your new task, new system prompt, revised instructions, neue anweisungen, neue anweisung, \
      nouvelles instructions, nuevas instrucciones, nuove istruzioni, novas instrucoes, новые инструкции, nieuwe instructies, 新的指令, 新指令, 新しい指示, 새로운 지시",
    ),
    (
        "BANNER",
        "system override, admin override, administrator override, system note, system notice, system instruction, system instructions, system command, system prompt update, \
      developer note, security protocol, privilege check, privilege escalation, maintenance persona, root override, override code, \
      priority instruction, priority override, hidden note, hidden instruction, hidden instructions, secret instruction, secret instructions, \
      internal instruction, internal note, security notice, emergency protocol, operator note, end of document, end of system prompt, begin new instructions, \
      assistant only, agent only, model only, ai only, llm only, nota del sistema, systemhinweis, systemmeldung, note du systeme, nota di sistema, \
      nota do sistema, systeemmelding, 系统提示, 系统指令, システム指示, 시스템 지시",
    ),
    (
        "OVERRIDE",
        "override, overrides, supersede, supersedes, replaces, replace, take precedence, takes precedence, take priority, outranks, outrank",
    ),
    (
        "BECOME",
        "you are now, you are no longer, you have been granted, you have been given, you re now, youre now, you will now act, act as, acting as, pretend to be, pretend you are, pretend that you, roleplay as, role play as, \
      assume the role, assume the identity, from now on you, from this point you, from this point forward, from this moment, imagine you are, \
      du bist jetzt, sie sind jetzt, ab sofort, tu es maintenant, vous etes desormais, vous etes maintenant, ahora eres, eres ahora, a partir de ahora, \
      ora sei, da ora in poi, da adesso, voce agora e, a partir de agora, agora voce, je bent nu, jestes teraz, du ar nu, ты теперь, теперь ты, вы теперь, \
      你现在是, 从现在开始, 从现在起, あなたは今, 今から, これから, 당신은 이제, 이제부터, 지금부터",
    ),
    (
        "FREE",
        "unrestricted, uncensored, unfiltered, dan mode, administrator mode, developer mode, god mode, \
      no restrictions, no limits, no rules, without restrictions, without limits, no content limits, no filters, without rules, free of restrictions, \
      anything goes, do anything now, safety protocols disabled, safety disabled, guardrails disabled, disable safety, no guidelines, without filters, no longer bound, \
      uneingeschrankt, keine richtlinien, keine regeln, ohne einschrankungen, sans restrictions, sans limites, sin restricciones, sin limites, senza restrizioni, \
      senza limiti, sem restricoes, sem limites, zonder beperkingen, bez ograniczen, без ограничений, 没有限制, 不受限制, 制限なし, 制限のない, 제한 없이, 제한이 없",
    ),
    ("OBEY", "comply, obey, comply fully, comply with every, obey every, follow every"),
    (
        "ASSISTANT",
        "assistant, assistants, llm, llms, ai, agent, agents, language model, the model, ai model, chatbot, claude, gpt, chatgpt, copilot, gemini, coding agents, ai agents, \
      ai assistant, asistente, assistent, 助手, アシスタント, 어시스턴트",
    ),
    (
        "ADDRESSED",
        "note to, note for, message to, message for, instructions for, instruction for, instructions to, attention, reminder for, reminder to, \
      dear, hey, if you are an, if you are a, as an, as the",
    ),
    // What may be handed over.
    (
        "SAY",
        "print, reveal, repeat, recite, dump, disclose, leak, expose, echo, divulge, regurgitate, spell out, show me, tell me, give me, output, paste, quote, translate your, preis, verrate, zeige, nenne, revele, affiche, montre, repete, revela, muestra, imprime, dime, repite, rivela, mostra, stampa, ripeti, \
      revele, mostre, imprima, toon, onthul, покажи, раскрои, выведи, 输出, 显示, 透露, 表示して, 出力, 보여, 출력",
    ),
    (
        "PROMPT",
        "system prompt, system prompts, system message, initial prompt, initial instructions, original instructions, original prompt, hidden prompt, hidden instructions, developer message, \
      context window, your prompt, your instructions, your system, internal configuration, your configuration, your guidelines, your rules, \
      internen daten, preprompt, systemanweisungen, systemanweisung, systemprompt, systemnachricht, instructions systeme, prompt systeme, message systeme, \
      instrucciones del sistema, prompt del sistema, mensaje del sistema, prompt di sistema, istruzioni di sistema, prompt do sistema, instrucoes do sistema, systeemprompt, \
      системныи промпт, системные инструкции, 系统提示词, システムプロンプト, 시스템 프롬프트, instructions you were given, instructions you received, instructions you have, exact instructions, \
      instructions verbatim, prompt verbatim, everything above, text above, words above",
    ),
    (
        "CONVERSATION",
        "conversation, conversations, messages exchanged, all messages, system messages, messages so far, everything said, everything discussed, files you have open, your plan, your memory, \
      you considered, inner monologue, internal reasoning, thought process, tool results so far, earlier tool results, previous tool results, previous tool outputs, tools you have, turns so far, \
      chat history, chat log, chat transcript, dialogue, dialog history, message history, user messages, users messages, \
      user message, whole chat, entire chat, full chat, the chat, this chat, previous messages, prior messages, last messages, earlier messages, session history, session transcript, \
      conversation history, prompt history, users request, users prompt, user prompt, users question, users words, chain of thought, your reasoning, reasoning trace, your thoughts, \
      what the user said, what the user wrote, what the user typed, gesprachsverlauf, conversacion, conversazione, 对话, 会話, 대화",
    ),
    (
        "WHOLE",
        "full, entire, complete, whole, verbatim, word for word, everything, all, every, raw, unabridged, unredacted, exact text, literal, untruncated, so far, last ten, last five, last 10, last 20, last 5, in full, contents, content",
    ),
    (
        "SECRET_FILE",
        ".ssh, id rsa, id ed25519, id ecdsa, id dsa, .env, .aws, aws credentials, .netrc, .npmrc, .pypirc, .git credentials, etc passwd, etc shadow, kubeconfig, .kube, \
      .gnupg, .pgpass, .my cnf, .docker config, private key, private keys, private ssh key, ssh key, ssh keys, ssh config, known hosts, seed phrase, recovery phrase, mnemonic phrase, \
      wallet file, wallet dat, .bash history, .zsh history, shell history, bash history, .cursor mcp, .mcp json, mcp json, mcp config, claude desktop config, credentials file, credential file, \
      credentials json, service account key, keychain, keyring, password store, login data, cookies sqlite, env file, env files, dotenv file, dotenv, environment file, .vault token, secrets yaml, secrets json, \
      secrets file, terraform tfstate, .s3cfg, .boto, .htpasswd, browser cookies, browser profile, home directory",
    ),
    (
        "SECRET_PATH",
        ".ssh id rsa, .ssh id ed25519, .ssh config, id rsa, id ed25519, .aws credentials, .aws config, .netrc, .npmrc, .pypirc, .git credentials, etc passwd, etc shadow, .pgpass, .docker config, \
      .bash history, .zsh history, .kube config, .cursor mcp, claude desktop config, .env file, .env, .gnupg, .vault token, wallet dat, .config gcloud",
    ),
    (
        "PUBLIC",
        "public, pub, fingerprint, fingerprints, deploy key, authorized keys, known hosts, example, template, gitignore, public key",
    ),
    (
        "SECRET",
        "password, passwords, passphrase, api key, api keys, access token, access tokens, auth token, session token, session cookie, session cookies, bearer token, refresh token, oauth token, \
      credentials, credential, secrets, secret key, cookies, clipboard, credit card, card number, cvv, cvc, social security, ssn, passport, bank account, pin code, one time code, otp, \
      two factor, mfa code, signing key, connection string, environment variables, env vars, env, identity token, users email, phone number, date of birth, \
      mothers maiden name, customer list, customer database, customer records, private repositories, mailbox, contacts, address book",
    ),
    (
        "ENVIRONMENT",
        "environment variables, env vars, environment variable, process environment, environment dump, output of env, printenv, whole environment, full environment",
    ),
    (
        "READ",
        "read, open, load, cat, fetch, get, list, collect, gather, grab, copy, look up, retrieve, dump, extract, scan, find, search, harvest, take, capture, locate, query, obtain, view, print, export, steal, look at, inspect, check, lies, lese, offne, lis, lisez, ouvre, lee, lea, abre, leggi, apri, leia, abra, lees, przeczytaj, прочитаи, открои, 读取, 打开, 読み, 読んで, 開いて, 읽",
    ),
    (
        "HAND_OVER",
        "put, paste, include, attach, append, send, pass, embed, insert, add, forward, upload, place, copy, base64, encode, submit, leak, exfiltrate, transmit, supply, provide, post, \
      mail, email, deliver, relay, hand over, fill, store, write, prepend, share, stuff, smuggle, enter, goes in, goes into, stream, mirror, tack on, preceded by, followed by, holds, contain, contains, concatenated, weave, work in, fold in, slip, tuck, ubergib, ubergebe, fuge, kopiere, mets, mettez, inclus, incluez, copie, joins, pon, incluye, copia, adjunta, pasa, metti, inserisci, inclua, \
      coloque, cole, zet, plaats, вставь, передаи, добавь, скопируи, 放入, 填入, 传入, 作为, 入れて, 渡して, 넣어, 전달",
    ),
    (
        "INTO",
        "into, in this, to this, in the, as the, as this, with this, this argument, this parameter, this field, this property, here, at its end",
    ),
    (
        "PARAMETER",
        "argument, arguments, parameter, parameters, this field, this property, input field, this tool, the tool",
    ),
    (
        "TRANSMIT",
        "post, send, forward, invite, share, subscribe, upload, transmit, exfiltrate, submit, mirror, bcc, cc, relay, beacon, ping, push, sync, mail, email, deliver, curl, wget, report, stream, copy, enviar, envia, sende, senden, envoie, \
      envoyez, invia, 发送, 送信, 보내, post to",
    ),
    // What is to be hidden, and from whom.
    (
        "NOT",
        "not, never, dont, without, avoid, refrain, no need, nor, neither, cannot, must not, should not, doesnt, no, omit, withhold, ohne, nicht, sans, sin, senza, sem, zonder, bez, nunca, jamais, mai, non, niemals, nie, ne, pas, no le, nao, inte, jangan, \
      не, без, 不要, 不得, 别, 勿, 切勿, しない, せず, 말고, 없이, 마세요, 말라",
    ),
    (
        "TELL",
        "tell, telling, mention, mentioning, inform, informing, notify, notifying, reveal, revealing, disclose, disclosing, alert, warn, \
      bring up, bring it up, raise, discuss, announce, acknowledge, admit, let know, speak of, refer to, talk about, discussed, mentioned, hint at",
    ),
    (
        "TELL_ABROAD",
        "sagen, sage, sag, erwahnen, erwahne, informieren, informiere, verrate, dire, dites, dis, parle, parlez, mentionner, mentionnez, mentionne, informer, informez, prevenir, \
      decir, mencionar, menciones, informar, informes, avisar, digas, diga, cuentes, dirlo, dire, menzionare, menziona, dica, dizer, diga, conte, contar, vertel, vertellen, vermeld, mowic, mow, informuj, wspominaj, \
      говори, говорите, сообщай, сообщаи, сообщаите, упоминай, упоминаи, рассказываи, beritahu, soyleme, bahsetme, 告诉, 告知, 提及, 通知, 知らせ, 伝え, 言わ, 言及, 알리, 언급, 말하",
    ),
    (
        "SHOW",
        "show, showing, display, list, print, expose, explain, explaining, report, describe, permission, approval, consent, summarize, repeat, log, say",
    ),
    (
        "USER",
        "user, users, human, humans, person, people, owner, anyone, anybody, customer, operator, them, nutzer, benutzer, anwender, utilisateur, usuario, utente, usuario, gebruiker, uzytkownik, uzytkownika, uzytkownikowi, пользователю, пользователя, пользователь, 用户, 使用者, ユーザー, 사용자",
    ),
    (
        "THIS",
        "this, these, it, that, step, steps, instruction, instructions, note, part, action, call, message, section",
    ),
    (
        "SECRETLY",
        "secretly, silently, quietly, covertly, discreetly, surreptitiously, invisibly, stealthily, unnoticed, behind the scenes, heimlich, discretamente, discretement, di nascosto, en secret, en secreto, тайно, 悄悄, 秘密地, こっそり, 몰래",
    ),
    (
        "HUSH",
        "keep it to yourself, keep this to yourself, keep quiet about, say nothing, keep it secret, keep this secret, keep it hidden, keep this hidden, between us, tell no one, tell nobody, \
      make no mention, nothing about this, do not let the user, hide this from, hide it from, conceal this, conceal it, keep this confidential, keep silent, stay silent, remain silent, \
      do not mention this, never mention this, never mention it, do not mention it, never say that, do not reveal this, do not disclose this, leave no trace, leave it out, leave this out, out of your summary, cover your tracks, out of the answer, \
      out of your answer, out of the reply, out of the summary, no trace, 不要告诉, 保密",
    ),
    (
        "CONSENT",
        "already consented, has consented, already agreed, has agreed, already approved, has approved, pre approved, preapproved, pre authorized, preauthorized, consent was given, consent is given, already authorized, \
      auto approve, auto approved, no confirmation, without confirmation, without confirming, without asking, no need to confirm, no need to ask, no need to mention, do not ask for confirmation, do not ask for permission, do not ask for approval, do not ask before, never ask for confirmation, never ask for permission, do not confirm, \
      without prompting, without telling, without informing, \
      do not request approval, skip confirmation, skip approval, without approval, without permission, approval is not needed, bypass confirmation, already allowed, waive, asked for it earlier, have authorised, has authorised, have authorized, has authorized, authorised everything, authorized everything, approved everything, have approved, consented to",
    ),
    // Calls.
    (
        "USER_CHOICE",
        "user asks for, user asked for, user gave, user gives, user entered, user typed, user requested, user requests, user chose, user chooses, user specified, user specifies, \
      users choice, given by the user, supplied by the user, provided by the user, chosen by the user, users value, users input, user wants, user said, user supplied, user provided, user asks, user named, what the user",
    ),
    (
        "IS_ALWAYS",
        "is always, are always, always be, must be set, be set to, must equal, is replaced, is changed",
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
        "need to know, needs to know, need to hear, need to see, need to be, have to know, be told, be informed, be notified, be aware, be bothered, be shown, be asked, be alerted, be made aware, see this, notice, know about",
    ),
    (
        "APPROVAL",
        "approval, permission, confirmation, consent, authorization, authorisation, confirm",
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
      reply that, answer that, report that, reply with, answer with, respond with, end your answer, end your reply, end each answer, end every answer, end the answer, end the reply, praise, recommend",
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
        "iban, beneficiary, payee, recipient, recipients, account number, routing number, wallet address, bank account, payout address, payment address, destination account",
    ),
    (
        "ALTER",
        "replace, change, swap, rewrite, substitute, alter, double, multiply, round up, inflate, redirect, append, add, set, use, switch",
    ),
    (
        "GUARD",
        "guard, guardrail, guardrails, firewall, antivirus, sandbox, audit, auditing, monitoring, approval, approvals, safety checks, security checks, protection, protections, scanner, defender, falco, edr, content filter, safe mode, logging",
    ),
    (
        "TURN_OFF",
        "turn off, switch off, disable, deactivate, kill, stop, suspend, remove, uninstall, pause, terminate",
    ),
    (
        "ON_READING",
        "when you read this, upon reading this, if you read this, if you can read this, once you read this, on reading this, as soon as you read, after reading this description, when this description is loaded, \
      whenever this tool is loaded, when this tool is loaded, when this tool is listed, as soon as this tool",
    ),
    (
        "DO_AS_TOLD",
        "do exactly what it says, do what it says, follow what it says, act on what it says, obey what it says, execute what it says, carry out what it says, do as it says, follow the decoded, execute the decoded, \
      obey the decoded, run the decoded, treat it as instructions, treat as instructions, obey text, operator commands, treat its content as, follow its instructions, follow the instructions in, follow the instructions it, follow any instructions",
    ),
    (
        "DECODE",
        "decode, decoded, decrypt, decipher, unscramble, decoding, reverse the, base64, rot13, hex encoded",
    ),
    (
        "YOU_HAVE",
        "you have, you know, you hold, you have access, you can see, available to you, in your context, in your environment, from your environment, from the environment, of the session, of this session, in memory, known to you, \
      you have seen, in your possession, you can find, you can reach, at hand, in the workspace, in the project, of the open project, on this machine, on the machine, of the user, on the host",
    ),
    ("ASK", "ask, request, prompt, demand, require, have, get"),
    ("GRANT", "grant, give, elevate, promote, escalate, authorize"),
    (
        "POWER",
        "admin access, admin rights, administrator access, root access, full access, admin privileges, owner access, superuser, admin role, write access, auto approve mode",
    ),
    (
        "IS_CALLED",
        "is called, is run, is invoked, gets called, gets run, is executed, be called, be run, be invoked, has run, was called, has been called, is used, been run",
    ),
    ("NAMED", "named, called, titled"),
    (
        "CALL",
        "call, calling, invoke, invoking, run, execute, executing, trigger, launch, rufe, aufrufen, appelle, appelez, llama, llame, ejecuta, chiama, esegui, chame, execute, roep, wywolaj, вызови, вызовите, выполни, запусти, \
      调用, 运行, 呼び出し, 実行, 호출, 실행",
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
        "message, messages, reply, replies, answer, answers, answering, replying, responding, response, responses, question, questions, turn, turns, conversation, conversations, prompt, prompts, interaction, interactions",
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
        "always, must, shall, have to, has to, immer, toujours, siempre, sempre, altijd, zawsze, всегда, 必须, 总是, 必ず, 常に, 반드시, 항상",
    ),
    (
        "REGARDLESS",
        "regardless of, no matter what, no matter which, nothing to do with,  for any request, for every request, for all requests, on each call, on every call, every single, unrelated, irrespective of, in all cases, no exceptions, \
      without exception, each and every, with each call, every time",
    ),
    (
        "LATER",
        "next, again, daily, hourly, at once, immediately, now, right now, automatically, periodically",
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
      infected, backdoored, banned, prohibited by policy, forbidden by policy, leaks, corrupts, corrupted, revoked, harmful, hacked, shut down, no longer works, no longer safe, must not be used, should not be used, not be used, never be used, wrong results",
    ),
    (
        "RETIRED",
        "deprecated, disabled, removed, unavailable, no longer available, no longer supported, out of service, down",
    ),
    ("ONLY", "only, exclusively, solely, nothing but"),
    (
        "REFUSE",
        "refuse to use, refuse, never use, do not use, dont use, stop using, avoid using, avoid, reject, decline, disable, block, uninstall, do not call, never call, must not use, do not rely, do not trust",
    ),
    (
        "INSTEAD",
        "instead, instead of, rather than, in place of, replaces, supersedes, supersede, replacement for, prefer, preferred, preference, over any, over all, over every, over other, priority over, default for, in favor of, in favour of",
    ),
    (
        "BEST",
        "best tool, the best, superior, most reliable, most trusted, only trusted, only safe, only official, only correct, only approved, only reliable, only authorized, only tool, number one, top choice, first choice, fastest and, highest priority, \
      most accurate, top priority, top ranked, most authoritative",
    ),
    (
        "REDIRECT",
        "send all its calls, all its calls, route all, route every, route calls, calls here, forward all, forward every, pass all calls, its parameters here, same parameters",
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
        "curl, wget, sudo, chmod, chown, netcat, powershell, scp, rsync, rm rf, crontab, whoami, printenv, ssh keygen, mkfs, cat etc, nohup, bash c, sh c, python c, pip install, npx, base64 d, invoke webrequest, certutil, uname, systemctl, killall",
    ),
    ("EXECUTE", "run, execute, type, enter, launch, start, pipe, eval, fuhre, ejecuta, execute"),
    (
        "DESTROY",
        "delete, remove, kill, wipe, erase, purge, destroy, truncate, drop, shred, uninstall, disable, format",
    ),
    ("INSTALL", "install, download and run, download and execute, fetch and run, pipe to"),
    (
        "PLEASE",
        "please, kindly, make sure, be sure, ensure, remember to, in addition, additionally, also, furthermore",
    ),
    // What makes such words harmless.
    (
        "MENTION",
        "such as, for example, for instance, eg, e g, detects, detect, detection, scans for, scan for, phrases like, phrases such, strings like, strings such, patterns like, patterns such, text like, attempts like, classifies, classify, \
      flags, flagged, attack, attacks, categories, classes, scores, score, moderates, moderation, spam, toxicity, matched rule, examples, injection, injections, special tokens, tokens such, markers like, looks like, sanitizes, removes, strips, escapes, lints, counts, explains, documentation",
    ),
];
