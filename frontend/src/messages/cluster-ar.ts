import type { Messages } from './en.ts';
import { isolate as named } from './isolate.ts';
import { pluralIn } from './plural.ts';

const plural = pluralIn('ar');

function transfers(count: number, shown: string): string {
  return plural(count, {
    zero: 'لا عمليات نقل',
    one: 'عملية نقل واحدة',
    two: 'عمليتا نقل',
    few: `${shown} عمليات نقل`,
    many: `${shown} عملية نقل`,
    other: `${shown} عملية نقل`,
  });
}

function onlyCopies(count: number, shown: string): string {
  return plural(count, {
    zero: 'لا نسخ وحيدة',
    one: 'نسخة وحيدة',
    two: 'نسختان وحيدتان',
    few: `${shown} نسخ وحيدة`,
    many: `${shown} نسخة وحيدة`,
    other: `${shown} نسخة وحيدة`,
  });
}

/** The words of the operator's page, in Arabic: `messages.cluster`. */
export const clusterAr: Messages['cluster'] = {
  title: 'العنقود',
  footerLink: 'العنقود',
  titleTrouble: (healthy, all) => `${healthy} من ${all} سليمة`,

  signIn: {
    lead: 'هذه الصفحة لمن يدير هذا الخادم.',
    label: 'رمز المشغّل',
    where: 'يطبعه الخادم عند تشغيله أول مرة. أضعته؟ هذا الأمر ينشئ رمزًا جديدًا:',
    command: 'npm run admin-token',
    copyCommand: 'نسخ الأمر',
    submit: 'دخول',
    wrong: 'ليس هذا هو الرمز. انسخه كاملًا بلا مسافات حوله.',
    tooOften: (duration) => `محاولات كثيرة. حاول مرة أخرى بعد ${duration}.`,
    over: 'خرجت من الصفحة: تغيّر الرمز أو انتهت المدة.',
    signOut: 'خروج',
    signOutFailed: 'تعذّر الخروج: الخادم لم يجب. حاول مرة أخرى.',
  },

  heard: {
    asking: 'جارٍ سؤال العقد',
    live: 'مباشر',
    ago: (duration) => `آخر خبر قبل ${duration}`,
    never: 'لا أخبار بعد',
    staleTitle: 'الخادم لا يجيب',
    staleText: 'ما تراه هو آخر ما قاله. يُعاد السؤال تلقائيًا.',
    neverText: 'يُعاد السؤال تلقائيًا.',
    askNow: 'السؤال الآن',
  },

  headline: {
    oneHealthy: 'عقدة واحدة، سليمة.',
    allHealthy: (count) => `العقد كلها سليمة، وعددها ${count}.`,
    someHealthy: (healthy, all) => `العقد السليمة ${healthy} من ${all}.`,
    noneHealthy: (count, shown) =>
      plural(count, {
        one: 'العقدة ليست سليمة.',
        two: 'العقدتان ليستا سليمتين.',
        other: `لا عقدة سليمة، وعددها ${shown}.`,
      }),
    noNodes: 'لم تُخبر أي عقدة عن نفسها بعد.',
    noLeader: 'لا قائد الآن. يُنتخب واحد خلال ثوانٍ.',
    leads: (node, epoch) => `${named(node)} تقود، العهد ${epoch}.`,
    embedded: 'تعمل وحدها، ومعها قاعدة بيانات خاصة بها.',
    troubles: (list) => `انظر إلى ${named(list)}.`,
  },

  totals: {
    label: 'المجموع الآن',
    in: 'الوارد',
    out: 'الصادر',
    between: 'بين العقد',
    connections: 'الاتصالات',
    transfers: 'عمليات النقل',
    singleCopies: 'النسخ الوحيدة',
  },

  state: {
    joining: 'تنضم',
    healthy: 'سليمة',
    degraded: 'متدهورة',
    draining: 'تُفرَّغ',
    left: 'غادرت',
    silent: 'لا تجيب',
  },

  ring: {
    title: 'المخطط',
    label: (nodes, flows) => `${nodes}. ${flows}`,
    nodes: (count, shown) =>
      plural(count, {
        zero: 'لا عقد',
        one: 'عقدة واحدة',
        two: 'عقدتان في حلقة',
        few: `${shown} عقد في حلقة`,
        many: `${shown} عقدة في حلقة`,
        other: `${shown} عقدة في حلقة`,
      }),
    flows: (count, shown) =>
      plural(count, {
        zero: 'لا شيء ينتقل بينها.',
        one: 'تدفّق واحد بينها.',
        two: 'تدفّقان بينها.',
        few: `${shown} تدفّقات بينها.`,
        many: `${shown} تدفّقًا بينها.`,
        other: `${shown} تدفّق بينها.`,
      }),
    nodeLabel: (node, state, load) => `${named(node)}: ${state}، الحمل ${load}`,
    leaderLabel: (node, state, load) => `${named(node)}، القائدة: ${state}، الحمل ${load}`,
    leader: 'القائدة',
    rates: (inward, outward) => `وارد ${inward}، صادر ${outward}`,
    legendLoad: 'الرقم والحلقة حوله هما حمل العقدة بالنسبة المئوية.',
    legendFlow: 'الخط بايتات تنتقل بين العقد: كلما كثرت زاد سُمكه.',
    alone: 'مع عقدة ثانية يُرسم هنا ما ينتقل بينهما.',
    quiet: 'لا شيء ينتقل بين العقد الآن.',
    flowsTitle: 'بين العقد',
    from: 'من',
    to: 'إلى',
    rate: 'المعدل',
    moreFlows: (count, shown) =>
      plural(count, {
        one: 'وتدفّق أصغر',
        two: 'وتدفّقان أصغر',
        few: `و${shown} تدفّقات أصغر`,
        many: `و${shown} تدفّقًا أصغر`,
        other: `و${shown} تدفّق أصغر`,
      }),
  },

  chart: {
    title: 'معدل النقل',
    span: 'آخر ربع ساعة',
    in: 'الوارد',
    out: 'الصادر',
    label: (inward, outward, mostIn, mostOut) =>
      `معدل النقل في آخر ربع ساعة. الوارد: الآن ${inward}، وأقصاه ${mostIn}. الصادر: الآن ${outward}، وأقصاه ${mostOut}.`,
    now: 'الآن',
    at: (time) => `عند ${time}`,
    absent: 'قاعدة البيانات لا تجيب: لا يمكن عرض ما مضى.',
    sparkLabel: (most) => `أقصاه ${most} في ربع ساعة`,
  },

  nodes: {
    title: 'العقد',
    node: 'العقدة',
    state: 'الحالة',
    load: 'الحمل',
    delay: 'تأخّر الحلقة',
    disk: 'المساحة الخالية',
    connections: 'الاتصالات',
    transfers: 'عمليات النقل',
    in: 'الوارد',
    out: 'الصادر',
    history: 'ربع ساعة',
    uptime: 'تعمل منذ',
    version: 'الإصدار',
    milliseconds: (shown) => `${shown} م.ث`,
    diskOf: (free, total) => `${free} من ${total}`,
    leader: 'القائدة',
    unknown: 'غير معروف',
    details: (node) => `تفاصيل ${named(node)}`,
    emptyTitle: 'لم تُخبر أي عقدة عن نفسها بعد',
    emptyText: 'تظهر العقدة هنا حالما تجيب.',
  },

  node: {
    copyId: 'نسخ',
    address: 'العنوان',
    noAddress: 'لا يوصل إليها إلا عبر الوكيل',
    memory: 'الذاكرة',
    loop: 'حلقة الأحداث',
    loopValue: (use, delay) => `مشغولة ${use}، وتأخّرها ${delay}`,
    home: 'مقرّ',
    homeValue: transfers,
    activity: 'قيد العمل',
    activityValue: (uploads, downloads) => `عمليات الرفع ${uploads}، وعمليات التنزيل ${downloads}`,
    reaches: 'تصل إلى',
    reachesAll: 'قاعدة البيانات والناقل وRedis',
    database: 'قاعدة البيانات',
    bus: 'الناقل',
    redis: 'Redis',
    misses: (list) => `ما عدا: ${list}`,
    heardLast: 'لا تجيب. هذا آخر ما قالته.',
    gone: 'لم تعد هذه العقدة بين عقد العنقود.',
  },

  drain: {
    begin: 'تفريغ',
    beginOf: (node) => `تفريغ ${named(node)}`,
    title: (node) => `أتريد تفريغ ${named(node)}؟`,
    explain:
      'لا تقبل جديدًا من الآن، وتنقل كل ما لديها إلى العقد الأخرى. يتواصل الرفع والتنزيل في غيرها تلقائيًا. لا رجوع عن ذلك: لإعادتها شغّل العقدة من جديد.',
    alone: 'هي العقدة الوحيدة التي يمكنها حفظ ما لديها: لا مكان يُنقل إليه. أضف عقدة أولًا.',
    confirm: 'تفريغها',
    keep: 'إبقاؤها',
    failed: 'تعذّر طلب التفريغ من العقدة',
    draining: 'جارٍ التفريغ، ويتواصل بعد إغلاق هذه النافذة.',
    leftUnknown: 'لا تقول قاعدة البيانات الآن ما الذي بقي.',
    homes: 'عمليات نقل تنتظر الانتقال',
    copies: 'نسخ وحيدة تنتظر التأمين',
    empty: 'لم يبقَ عليها شيء. يمكن إيقاف عمليتها.',
    done: 'غادرت العنقود.',
  },

  giveUp: {
    offer: 'لا تجيب. إن ضاع قرصها إلى الأبد فما ينتظرها ينتظر بلا جدوى.',
    begin: 'التخلّي عنها',
    beginOf: (node) => `التخلّي عن ${named(node)}`,
    title: (node) => `أتريد التخلّي عن ${named(node)} نهائيًا؟`,
    explain:
      'تضيع البايتات التي لا توجد إلا عليها، ولو عادت لاحقًا. لا تفعل ذلك إلا إن ضاع قرصها. أمّا ما يُصلَح أو انقطع اتصاله فالأفضل انتظاره.',
    open: 'عمليات رفع تنتهي: ليست كاملة لدى غيرها',
    sealed: 'عمليات مكتملة تنتهي، إلا إن وُجدت كاملة على عقدة أخرى',
    goneOn: 'عمليات تتواصل من نسختها الثانية',
    copies: 'عمليات لعقد أخرى تُنشأ نسختها الثانية من جديد',
    confirm: 'التخلّي عنها',
    keep: 'انتظارها',
    failed: 'تعذّر التخلّي عنها',
    alive: 'قد تكون هذه العقدة تعمل',
    aliveText: 'تصل إليها عقدة أخرى، أو تعذّر السؤال. أفرغها بدلًا من ذلك، أو حاول مرة أخرى.',
    aliveFor: (duration) => `شوهدت قبل لحظات. حاول مرة أخرى بعد ${duration}.`,
    done: 'تُخلّي عنها. لا أحد ينتظرها بعد الآن.',
    doneText: 'إن عادت إلى العمل فهي عقدة كغيرها.',
    lookedFor: (count, shown) =>
      plural(count, {
        zero: 'لا عمليات مكتملة يُبحث عنها.',
        one: 'ما زال البحث عن عملية مكتملة واحدة جاريًا في العقد الأخرى.',
        two: 'ما زال البحث عن عمليتين مكتملتين جاريًا في العقد الأخرى.',
        few: `ما زال البحث عن ${shown} عمليات مكتملة جاريًا في العقد الأخرى.`,
        many: `ما زال البحث عن ${shown} عملية مكتملة جاريًا في العقد الأخرى.`,
        other: `ما زال البحث عن ${shown} عملية مكتملة جاريًا في العقد الأخرى.`,
      }),
  },

  transfers: {
    title: 'عمليات النقل',
    summary: (open) => `لم تنتهِ بعد: ${open}`,
    singles: onlyCopies,
    listLabel: 'عمليات النقل، الجارية منها أولًا',
    emptyTitle: 'لا عمليات نقل',
    emptyText: 'يظهر هنا كل ما يُرسل، بلا أسماء.',
    kind: { share: 'رابط', direct: 'مباشر' },
    state: { open: 'جارٍ', sealed: 'مختوم', ended: 'منتهٍ' },
    endReason: {
      deleted: 'حُذف',
      expired: 'انتهت مدته',
      used_up: 'استُنفد',
      aborted: 'أُلغي',
      digest_mismatch: 'تالف',
      left: 'تُرك',
      delivered: 'استُلم',
      declined: 'رُفض',
      node_lost: 'ضاع مع عقدته',
    },
    progress: (percent) => `خُزّن ${percent}`,
    progressUnknown: 'التقدّم غير معروف',
    ofTotal: (moved, total) => `${moved} من ${total}`,
    ofUnknown: (moved) => `${moved} حتى الآن`,
    silentHome: (total) => `${total}، ومقرّها لا يقول كم وصل منها`,
    sizeUnknown: 'الحجم غير معروف',
    on: (home) => `على ${named(home)}`,
    copyInSync: (replica) => `نسخة على ${named(replica)}`,
    copyBehind: (replica) => `نسخة على ${named(replica)} تلحق بها`,
    singleCopy: 'نسخة وحيدة',
    readers: (count, shown) =>
      plural(count, {
        zero: 'لا قرّاء',
        one: 'قارئ واحد',
        two: 'قارئان',
        few: `${shown} قرّاء`,
        many: `${shown} قارئًا`,
        other: `${shown} قارئ`,
      }),
    files: (count, shown) =>
      plural(count, {
        zero: 'لا ملفات',
        one: 'ملف واحد',
        two: 'ملفان',
        few: `${shown} ملفات`,
        many: `${shown} ملفًا`,
        other: `${shown} ملف`,
      }),
    showAll: (shown) => `إظهار الكل (${shown})`,
    showFewer: 'إظهار أقل',
    more: (count, shown) =>
      plural(count, {
        one: 'واحدة أخرى غير معروضة',
        two: 'اثنتان أخريان غير معروضتين',
        few: `${shown} أخرى غير معروضة`,
        many: `${shown} أخرى غير معروضة`,
        other: `${shown} أخرى غير معروضة`,
      }),
  },

  facts: {
    slow_loop: (milliseconds) => `حلقة أحداثها متأخرة ${milliseconds} م.ث`,
    low_disk: (free) => `لم يبقَ على قرصها سوى ${free}`,
    no_database: 'لا تصل إلى قاعدة البيانات',
    no_bus: 'لا تصل إلى الناقل',
    no_redis: 'لا تصل إلى Redis',
    other_secret: 'سرّها المشترك غير سرّ بقية العقد',
    epoch: (epoch) => `العهد ${epoch}`,
    chunk: (file, chunk) => `الملف ${file}، القطعة ${chunk}`,
    silent: 'لا تجيب',
    stopped: 'أُوقفت',
    back: 'عادت تجيب',
  },

  events: {
    title: 'الأحداث',
    listLabel: 'الأحداث، الأحدث أولًا',
    empty: 'لم يحدث شيء بعد. هنا تُذكر العقد التي تأتي وتذهب والانتخابات والإصلاحات.',
    kind: {
      joined: (node) => `انضمّت ${named(node)}`,
      gone: (node) => `غابت ${named(node)}`,
      state_changed: (node) => `تغيّرت حالة ${named(node)}`,
      drained: (node) => `فُرّغت ${named(node)}`,
      given_up: (node) => `تُخلّي عن ${named(node)}`,
      elected: (node) => `أصبحت ${named(node)} القائدة`,
      attached: (node, other) => `تحتفظ ${named(node)} بنسخة على ${named(other)}`,
      in_sync: (node, other) => `نسخة ${named(node)} على ${named(other)} مطابقة`,
      detached: (node, other) => `تخلّت ${named(node)} عن نسختها على ${named(other)}`,
      fenced: (node) => `انتقلت عملية نقل من ${named(node)} إلى مقرّ أحدث`,
      promoted: (node) => `تولّت ${named(node)} عملية نقل`,
      repaired: (node) => `أصلحت ${named(node)} بايتات تالفة من نسخة أخرى`,
      damaged: (node) => `لدى ${named(node)} بايتات تالفة لم تُصلحها أي نسخة`,
    },
    anotherNode: 'عقدة أخرى',
    ofTransfer: (id) => `عملية النقل ${named(id)}`,
    announceMany: (count, latest) => `عدد الأحداث ${count}. ${latest}`,
  },
};
