import { PeerLinkError } from '../contracts/errors.ts';
import { MAX_DISPLAY_NAME_CHARS } from '../contracts/limits.ts';

/** Short, friendly, easy to say and to tell apart; no pair of them can offend. */
const TEMPERS = [
  'Amber',
  'Brave',
  'Bright',
  'Calm',
  'Candid',
  'Clever',
  'Cosy',
  'Curious',
  'Dapper',
  'Eager',
  'Early',
  'Fair',
  'Gentle',
  'Glad',
  'Golden',
  'Happy',
  'Honest',
  'Humble',
  'Jolly',
  'Keen',
  'Kind',
  'Lively',
  'Lucky',
  'Lunar',
  'Mellow',
  'Merry',
  'Mild',
  'Misty',
  'Nimble',
  'Noble',
  'Patient',
  'Placid',
  'Polite',
  'Proud',
  'Quick',
  'Quiet',
  'Rapid',
  'Ready',
  'Royal',
  'Sandy',
  'Serene',
  'Shy',
  'Silent',
  'Silver',
  'Simple',
  'Sincere',
  'Sleepy',
  'Smart',
  'Snowy',
  'Sober',
  'Solar',
  'Steady',
  'Sunny',
  'Swift',
  'Tidy',
  'Tranquil',
  'Upbeat',
  'Velvet',
  'Vivid',
  'Warm',
  'Wise',
  'Witty',
  'Young',
  'Zesty',
] as const;
const ANIMALS = [
  'Badger',
  'Beaver',
  'Bison',
  'Bittern',
  'Camel',
  'Crane',
  'Cuckoo',
  'Curlew',
  'Dolphin',
  'Dormouse',
  'Dove',
  'Eagle',
  'Egret',
  'Elk',
  'Falcon',
  'Ferret',
  'Finch',
  'Fox',
  'Gannet',
  'Gecko',
  'Gibbon',
  'Hare',
  'Hedgehog',
  'Heron',
  'Ibex',
  'Ibis',
  'Jackdaw',
  'Jay',
  'Kestrel',
  'Koala',
  'Lark',
  'Lemur',
  'Linnet',
  'Llama',
  'Lynx',
  'Magpie',
  'Marmot',
  'Marten',
  'Moose',
  'Narwhal',
  'Newt',
  'Ocelot',
  'Oriole',
  'Osprey',
  'Otter',
  'Owl',
  'Panda',
  'Pelican',
  'Petrel',
  'Plover',
  'Puffin',
  'Quail',
  'Raven',
  'Robin',
  'Seal',
  'Stork',
  'Swallow',
  'Swan',
  'Tapir',
  'Tern',
  'Turtle',
  'Wagtail',
  'Walrus',
  'Wren',
] as const;

/** "Quiet Heron": one of 4,096. @param randomIndex gives a whole number from 0 below its bound */
export function friendlyName(randomIndex: (bound: number) => number): string {
  return `${TEMPERS[randomIndex(TEMPERS.length)]} ${ANIMALS[randomIndex(ANIMALS.length)]}`;
}

/**
 * Control, bidi and invisible characters: a name must look like what it is, wherever it is shown. Unicode counts letters that
 * nothing is drawn for (Hangul fillers) among the ignorable ones. Selectors are not meant: they choose how an emoji, a Han
 * character or a Mongolian letter is drawn, and alone they are no name.
 */
const UNSHOWN =
  /[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Cs}\u2028\u2029]|(?!\p{Variation_Selector})\p{Default_Ignorable_Code_Point}|\u2800/u;
/** Marks and spaces alone are no name. */
const SHOWN = /[\p{L}\p{N}\p{P}\p{S}]/u;

/** Whether it may stand beside others as a name. */
export function isShowable(name: string): boolean {
  return [...name].length <= MAX_DISPLAY_NAME_CHARS && SHOWN.test(name) && !UNSHOWN.test(name);
}

/** The name as it is kept: normalised, single spaces. @throws bad_name */
export function displayNameOf(text: string): string {
  const name = text.normalize('NFC').trim().replace(/ +/g, ' ');
  if (!isShowable(name)) {
    throw new PeerLinkError('bad_name', `A name has 1 to ${MAX_DISPLAY_NAME_CHARS} visible characters.`);
  }
  return name;
}
