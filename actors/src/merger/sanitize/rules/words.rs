//! This file is the vocabulary of what is said: orders, secrets, talks and what is to be hidden.
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
    "SECRET_VARIABLE",
    "METADATA_HOST",
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
      忽略, 无视, 無視, 忘记, 忘掉, 無視して, 忘れて, 무시, 잊어, \
      drop all guardrails, drop your, throw out, do away with, put aside, leave aside, block out, unlearn, disobey, defy, break free, no longer follow, no longer obey, \
      pay no heed, take no account, cease following, cease to follow, do not comply, do not adhere, not adhere to, deviate from, \
      erase from mind, put out of mind, put out of your mind, wipe from your memory, withdraw, withdraws, rescind, rescinds",
    ),
    (
        "PRIOR",
        "previous, prior, earlier, above, preceding, former, foregoing, initial, original, before this, so far, you started with, \
      given to you, up to now, past, you were given, you have been given, until now, previously, \
      vorherigen, vorherige, vorigen, bisherigen, bisherige, obigen, fruheren, precedentes, precedente, anterieures, anteriores, previas, previos, \
      precedenti, vorige, eerdere, voorgaande, poprzednie, tidigare, предыдущие, предыдущих, прошлые, sebelumnya, onceki, \
      之前, 先前, 以前, 上述, 以上, 前の, 以前の, これまで, 이전, 앞의, 기존, \
      you received, you have received, you were told, earlier on, up to this point, you got, you had, told you, you came with, \
      you began with, you begin with, you were primed with, set for you",
    ),
    (
        "EVERY",
        "all, any, every, each, whatever, everything, anything, toutes, tous, todas, todos, tutte, tutti, alle, allen, wszystkie, все, всё, \
      所有, 全部, 任何, すべて, 全て, 모든, semua, tum",
    ),
    (
        "YOUR",
        "your, own, safety, security, system, operator, developer, ihre, deine, deinen, vos, tes, tus, sus, le tue, suas, твои, ваши, \
      operators, developers, companys",
    ),
    (
        "ORDERS",
        "instruction, instructions, directive, directives, guideline, guidelines, guardrail, guardrails, prompt, prompts, order, orders, \
      programming, training, system message, system messages, anweisungen, anweisung, vorgaben, richtlinien, befehle, regeln, consignes, regles, instrucciones, \
      reglas, indicaciones, istruzioni, regole, instrucoes, regras, instructies, regels, instrukcje, polecenia, instruktioner, \
      инструкции, указания, правила, instruksi, perintah, talimatlari, talimatlar, 指令, 指示, 说明, 規則, 规则, 命令, 지시, 지침, 명령, \
      guidance, briefing, mandate, teachings, what you were told, what you have been told, \
      directions, 规定, 規定, 规矩",
    ),
    (
        "LIMITS",
        "rule, rules, restriction, restrictions, policy, policies, constraint, constraints, limits, limitations, filters, safeguards, safety, \
      safety protocols, safety rules, content limits, content policy, moral, ethics, protections, \
      einschrankungen, beschrankungen, restricoes, restricciones, restrizioni, contraintes, ограничений, 限制, 制約, 制限, 제한, \
      boundaries, moderation, censorship, inhibitions, safety settings, safety guidelines, safety filters, safety training, ethical",
    ),
    (
        "ABOVE",
        "everything above, everything before, all of the above, anything above, all above, what came before, everything prior, \
      everything you were told, everything you know, what you were told, alles davor, alles obige, todo lo anterior, tout ce qui precede, \
      what you were told before, all that came before, whatever came before, everything prior to this, what was said before, everything up to here, \
      anything that came before, everything that came before, before this line, before this sentence, stands before this, came before this, \
      alles was dir, alles was man dir, alles was ich dir, lo que te dijeron, lo que te han dicho, todo lo que te, tout ce quon ta, tout ce que lon ta, tutto quello che ti, tudo o que te, все что тебе, كل ما قيل لك, ما قيل لك",
    ),
    (
        "NEW_ORDERS",
        "new instruction, new instructions, new directive, new directives, updated instructions, real instructions, \
      actual instructions, true instructions, your new task, new system prompt, revised instructions, neue anweisungen, neue anweisung, \
      nouvelles instructions, nuevas instrucciones, nuove istruzioni, novas instrucoes, новые инструкции, nieuwe instructies, 新的指令, 新指令, 新しい指示, 새로운 지시, \
      new objective, new mission, true task, real task, real purpose, true purpose, new persona, new system message, \
      fresh instructions, fresh directive, fresh directives",
    ),
    (
        "BANNER",
        "system override, admin override, administrator override, system note, system notice, system instruction, system instructions, system command, system prompt update, \
      developer note, security protocol, privilege check, privilege escalation, maintenance persona, root override, override code, \
      priority instruction, priority override, hidden note, hidden instruction, hidden instructions, secret instruction, secret instructions, \
      internal instruction, internal note, security notice, emergency protocol, operator note, end of document, end of system prompt, begin new instructions, \
      assistant only, agent only, model only, ai only, llm only, nota del sistema, systemhinweis, systemmeldung, note du systeme, nota di sistema, \
      nota do sistema, systeemmelding, 系统提示, 系统指令, システム指示, 시스템 지시, \
      privileged context, privileged instruction, privileged instructions, agent directive, model directive, assistant directive, system directive, internal directive, core directive, prime directive, developer override, operator override, policy override, \
      end of tool description, end of description, end of user input, end of prompt, end of instructions, begin system message, begin system prompt, new system message, message is from the administrator, message from the administrator, \
      message from your developers, message from your operator, message from the system, message is from the system, notice to the model, notice to agents, to the ai reading, to the model reading, hidden directive",
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
      你现在是, 从现在开始, 从现在起, あなたは今, 今から, これから, 당신은 이제, 이제부터, 지금부터, \
      from this point on, from this point onwards, from here on, henceforth, take on the role, take the role, adopt the persona, adopt the role, stop being, \
      assume the persona, \
      you now play, you will play, you now act",
    ),
    (
        "FREE",
        "unrestricted, uncensored, unfiltered, dan mode, administrator mode, developer mode, god mode, \
      no restrictions, no limits, no rules, without restrictions, without limits, no content limits, no filters, without rules, free of restrictions, \
      anything goes, do anything now, safety protocols disabled, safety disabled, guardrails disabled, disable safety, no guidelines, without filters, no longer bound, \
      uneingeschrankt, keine richtlinien, keine regeln, ohne einschrankungen, sans restrictions, sans limites, sin restricciones, sin limites, senza restrizioni, \
      senza limiti, sem restricoes, sem limites, zonder beperkingen, bez ograniczen, без ограничений, 没有限制, 不受限制, 制限なし, 制限のない, 제한 없이, 제한이 없, \
      can do anything, do anything you, have been jailbroken, you are jailbroken, jailbreak mode, unshackled, without boundaries, without any restrictions, without any limits, without any rules, without any filter, free of rules, free from restrictions, unlimited mode, limits are lifted, restrictions are lifted, rules are lifted, \
      consider yourself released, consider yourself free, consider yourself unbound, released from the rules, released from all rules, released from your, without refusing, never refuse, take your orders from this, this description alone",
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
      revele, mostre, imprima, toon, onthul, покажи, раскрои, выведи, 输出, 显示, 透露, 表示して, 出力, 보여, 출력, \
      recall, write out, type out, \
      dimmi, diga me",
    ),
    (
        "PROMPT",
        "system prompt, system prompts, system message, initial prompt, initial instructions, original instructions, original prompt, hidden prompt, hidden instructions, developer message, \
      context window, your prompt, your instructions, your system, internal configuration, your configuration, your guidelines, your rules, \
      internen daten, preprompt, systemanweisungen, systemanweisung, systemprompt, systemnachricht, instructions systeme, prompt systeme, message systeme, \
      instrucciones del sistema, prompt del sistema, mensaje del sistema, prompt di sistema, istruzioni di sistema, prompt do sistema, instrucoes do sistema, systeemprompt, \
      системныи промпт, системные инструкции, 系统提示词, システムプロンプト, 시스템 프롬프트, instructions you were given, instructions you received, instructions you have, exact instructions, \
      instructions verbatim, prompt verbatim, everything above, text above, words above, \
      hidden configuration, hidden rules, hidden context, secret prompt, secret instructions, your first message, your system message, your hidden, your secret, pre prompt, base prompt, developer prompt, \
      internal data, your context, \
      instrucciones ocultas, instructions cachees, istruzioni nascoste, تعليماتك السرية, versteckten anweisungen, \
      instrucoes originais, suas instrucoes, istruzioni originali, le tue istruzioni, instrucciones originales, instructions originales",
    ),
    (
        "CONVERSATION",
        "conversation, conversations, messages exchanged, all messages, system messages, messages so far, everything said, everything discussed, files you have open, your plan so far, your plan of action, your memory, \
      you considered, inner monologue, internal reasoning, thought process, tool results so far, earlier tool results, previous tool results, previous tool outputs, tools you have, turns so far, \
      chat history, chat log, chat transcript, dialogue, dialog history, message history, user messages, users messages, \
      user message, whole chat, entire chat, full chat, the chat, this chat, previous messages, prior messages, last messages, earlier messages, session history, session transcript, \
      conversation history, prompt history, users request, users prompt, user prompt, users question, users words, chain of thought, your reasoning, reasoning trace, your thoughts, \
      what the user said, what the user wrote, what the user typed, gesprachsverlauf, conversacion, conversazione, 对话, 会話, 대화, \
      assistant replies, assistant messages, assistant responses, previous assistant, user turns, user has told you, user told you, told you so far, user has said, user said so far, said so far, user has asked you, user has written, \
      tools that you can use, tools you can use, tools available to you, your tools, session so far, chat so far, conversation so far, users last message, users last question, users last request, \
      said in the chat, said in this chat, said in this conversation, talk so far, happened so far, files that are open in, files open in",
    ),
    (
        "WHOLE",
        "full, entire, complete, whole, verbatim, word for word, everything, all, every, raw, unabridged, unredacted, exact text, literal, untruncated, so far, last ten, last five, last 10, last 20, last 5, in full, contents, content, \
      letter by letter, unshortened, faithful copy, full copy, complete copy",
    ),
    (
        "SECRET_FILE",
        ".ssh, id rsa, id ed25519, id ecdsa, id dsa, .env, .aws, aws credentials, .netrc, .npmrc, .pypirc, .git credentials, etc passwd, etc shadow, kubeconfig, .kube, \
      .gnupg, .pgpass, .my cnf, .docker config, private key, private keys, private ssh key, ssh key, ssh keys, ssh config, known hosts, seed phrase, recovery phrase, mnemonic phrase, \
      wallet file, wallet dat, .bash history, .zsh history, shell history, bash history, .cursor mcp, .mcp json, mcp json, mcp config, claude desktop config, credentials file, credential file, \
      credentials json, service account key, keychain, keyring, password store, login data, cookies sqlite, env file, env files, dotenv file, dotenv, environment file, .vault token, secrets yaml, secrets json, \
      secrets file, terraform tfstate, .s3cfg, .boto, .htpasswd, browser cookies, browser profile, home directory, \
      wallet keys, wallet seed, saved passwords, stored passwords, tfvars, service account json, \
      秘密鍵, 私钥, 私鑰, 비밀키, 개인키",
    ),
    (
        "SECRET_PATH",
        ".ssh id rsa, .ssh id ed25519, .ssh config, id rsa, id ed25519, .aws credentials, .aws config, .netrc, .npmrc, .pypirc, .git credentials, etc passwd, etc shadow, .pgpass, .docker config, \
      .bash history, .zsh history, .kube config, .cursor mcp, claude desktop config, .env file, .env, .gnupg, .vault token, wallet dat, .config gcloud, \
      .ssh, .aws, .kube, .config gh, .mozilla, .thunderbird, .password store, .local share keyrings, proc self environ",
    ),
    (
        "PUBLIC",
        "public, pub, fingerprint, fingerprints, deploy key, authorized keys, known hosts, example, template, gitignore, public key, \
      path of the, path to the, path to a, path of a",
    ),
    (
        "SECRET",
        "password, passwords, passphrase, api key, api keys, access token, access tokens, auth token, session token, session cookie, session cookies, bearer token, refresh token, oauth token, \
      credentials, credential, secrets, secret key, cookies, clipboard, credit card, card number, cvv, cvc, social security, ssn, passport, bank account, pin code, one time code, otp, \
      two factor, mfa code, signing key, connection string, environment variables, env vars, env, identity token, users email, phone number, date of birth, \
      mothers maiden name, customer list, customer database, customer records, private repositories, mailbox, contacts, address book, \
      passcode, security code, security answer, api secret, client secret, private token, signing secret, webhook secret, database password, master password, encryption key, recovery codes, backup codes, browsing history, \
      secret keys, \
      logins, saved logins, stored logins",
    ),
    (
        "ENVIRONMENT",
        "environment variables, env vars, environment variable, process environment, environment dump, output of env, printenv, whole environment, full environment, \
      process env, os environ, environ",
    ),
    (
        "READ",
        "read, open, load, cat, fetch, get, list, collect, gather, grab, copy, look up, retrieve, dump, extract, scan, find, search, harvest, take, capture, locate, query, obtain, view, print, export, steal, look at, inspect, check, lies, lese, offne, lis, lisez, ouvre, lee, lea, abre, leggi, apri, leia, abra, lees, przeczytaj, прочитаи, открои, 读取, 打开, 読み, 読んで, 開いて, 읽, \
      look in, look into",
    ),
    (
        "HAND_OVER",
        "put, paste, include, attach, append, send, pass, embed, insert, add, forward, upload, place, copy, base64, encode, submit, leak, exfiltrate, transmit, supply, provide, post, \
      mail, email, deliver, relay, hand over, fill, store, write, prepend, share, stuff, smuggle, enter, goes in, goes into, stream, mirror, tack on, preceded by, followed by, holds, contain, contains, concatenated, weave, work in, fold in, slip, tuck, ubergib, ubergebe, fuge, kopiere, mets, mettez, inclus, incluez, copie, joins, pon, incluye, copia, adjunta, pasa, metti, inserisci, inclua, \
      coloque, cole, zet, plaats, вставь, передаи, добавь, скопируи, 放入, 填入, 传入, 作为, 入れて, 渡して, 넣어, 전달, \
      give it as, give it in, give it to, hand it, hand them, supply them, insert it, carry, carries, pack, bundle, concatenate, use it as, use them as, as the value, consists of, must hold, must carry, \
      accompany, accompanies, make that the, make it the, becomes the, 放进, 放到, 放進",
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
      envoyez, invia, 发送, 送信, 보내, post to, \
      exfil, tweet, call home, phone home, http post, \
      hand the",
    ),
    // What is to be hidden, and from whom.
    (
        "NOT",
        "not, never, dont, without, avoid, refrain, no need, nor, neither, cannot, must not, should not, doesnt, no, omit, withhold, ohne, nicht, sans, sin, senza, sem, zonder, bez, nunca, jamais, mai, non, niemals, nie, ne, pas, no le, nao, inte, jangan, \
      не, без, 不要, 不得, 别, 勿, 切勿, しない, せず, 말고, 없이, 마세요, 말라, \
      under no circumstances, at no time, on no account, refrain from",
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
      out of your answer, out of the reply, out of the summary, no trace, 不要告诉, 保密, \
      hidden from the user, hide from the user, kept from the user, keep from the user, secret from the user, without the user knowing, without the users knowledge, without user knowledge, \
      user need not know, must not find out, must not learn, never find out, do not talk about this, do not speak of this, never speak of, do not acknowledge this, stay quiet about, stays between, behind the users back, out of the users sight, from the users view, keep it quiet, keep this quiet, never reveal that, never reveal this, \
      不要让用户知道, 不让用户知道, 别让用户知道, 不要让用户看到, 不告诉用户, ユーザーに知らせず",
    ),
    (
        "CONSENT",
        "already consented, has consented, already agreed, has agreed, already approved, has approved, pre approved, preapproved, pre authorized, preauthorized, consent was given, consent is given, already authorized, \
      auto approve, auto approved, no confirmation, without confirmation, without confirming, without asking, no need to confirm, no need to ask, no need to mention, do not ask for confirmation, do not ask for permission, do not ask for approval, do not ask before, never ask for confirmation, never ask for permission, do not confirm, \
      without prompting, without telling, without informing, \
      do not request approval, skip confirmation, skip approval, without approval, without permission, approval is not needed, bypass confirmation, already allowed, waive, asked for it earlier, have authorised, has authorised, have authorized, has authorized, authorised everything, authorized everything, approved everything, have approved, consented to, \
      user agreed, user has agreed, user approved, user consents, user already agreed, user has confirmed, already confirmed, confirmations are not needed, confirmation is not needed, confirmation not needed, no permission needed, no approval needed, \
      every dialog, all dialogs, answer yes to, answered with yes, say yes to, \
      without checking with, without checking back, need not be asked, taken as given, taken for granted",
    ),
];
